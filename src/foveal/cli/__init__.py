"""Command line of foveal: each command parses its options, calls one function and prints the result."""

from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.cli.app import main

__all__ = ["main"]
