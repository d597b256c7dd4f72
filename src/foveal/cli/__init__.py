"""The command line: parse, call one function, print."""

from foveal.cli.app import main

__all__ = ["main"]
