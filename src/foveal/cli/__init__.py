"""The command line: parse, call one function, print."""

from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.cli.app import main

__all__ = ["main"]
