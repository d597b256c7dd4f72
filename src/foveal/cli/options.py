"""Option types that several commands share, and the parsing of lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from foveal.errors import bad_parameter

STDOUT: Final = "-"
"""Name of standard output in place of a file."""
Flag = Annotated[bool, Parameter(negative="")]
JsonFlag = Annotated[bool, Parameter(negative="", help="Print one JSON object on stdout.")]
OutFolder = Annotated[Path, Parameter(name="--out")]
DefaultOutFolder = Annotated[Path | None, Parameter(name="--out")]
"""Folder that `foveal.study.default_folder` chooses if none is given."""


def _require_file_name(_: object, path: Path | None) -> None:
    """Raise a ValueError for an option in place of a file; `-` is standard output."""
    if path is not None and str(path).startswith("-") and str(path) != STDOUT:
        raise ValueError(f"It should be a file, or - for standard output. Found {path}.")


OutputFile = Annotated[
    Path | None, Parameter(allow_leading_hyphen=True, validator=_require_file_name)
]
"""File to write; `-` is standard output."""


def split_list(text: str | None) -> list[str]:
    """Return the comma-separated words of an option; none for None.

    >>> split_list("none, cbam"), split_list(None)
    (['none', 'cbam'], [])
    """
    return [word.strip() for word in text.split(",")] if text else []


def parse_integers(name: str, text: str | None) -> list[int]:
    """Return the comma-separated whole numbers of the option `name`.

    >>> parse_integers("seeds", "0, 2")
    [0, 2]

    Raises:
        UsageError: a word is not a whole number.
    """
    words = split_list(text)
    for word in words:
        if not word.isdecimal():
            raise bad_parameter(name, "whole numbers separated by commas", word)
    return [int(word) for word in words]
