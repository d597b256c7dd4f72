"""Command line of foveal: each command parses its options, calls one function and prints the result."""

from foveal.optional_imports import STUDY_EXTRA, suggest_install

with suggest_install(STUDY_EXTRA):
    from foveal.cli.app import main

__all__ = ["main"]
