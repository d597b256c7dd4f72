"""Files of tables: CSV, TSV, JSON lines and Parquet, read into columns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from foveal.errors import UsageError
from foveal.optional_imports import suggest_install

_DELIMITERS: Final = (",", ";", "\t", "|")
_JSON_SUFFIXES: Final = (".jsonl", ".ndjson")
TABLE_SUFFIXES: Final = (".csv", ".tsv", ".txt", *_JSON_SUFFIXES, ".parquet")


def read_table_file(path: Path) -> dict[str, list[Any]]:
    """Return the columns of a table; the name of the file says its format.

    Raises:
        UsageError: the file is missing, empty, or not a table.
        MissingPackageError: the table is Parquet and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UsageError(
            f"{path} should be one of {', '.join(TABLE_SUFFIXES)}, or a folder of runs."
        )
    try:
        if suffix == ".parquet":
            return _read_parquet(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a table ({error}).") from error
    return _parse_json_lines(path, text) if suffix in _JSON_SUFFIXES else _parse_csv(path, text)


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    """Return the columns of a Parquet file."""
    with suggest_install("pyarrow"):
        from pyarrow import ArrowInvalid, parquet
    try:
        columns: dict[str, list[Any]] = parquet.read_table(path).to_pydict()
    except ArrowInvalid as error:
        raise UsageError(f"{path} is not a Parquet file.") from error
    return columns


def _parse_csv(path: Path, text: str) -> dict[str, list[Any]]:
    """Return the columns of separated values; the separator is the most frequent one of the first line."""
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    if len(rows) < 2:
        raise UsageError(f"{path} has no runs: it needs a line of column names and a line per run.")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise UsageError(f"{path} has two columns of one name: {', '.join(names)}.")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise UsageError(
                f"Line {number} of {path} has {len(row)} cells; the first line has {len(names)} names."
            )
    return _to_columns(names, rows[1:])


def _parse_json_lines(path: Path, text: str) -> dict[str, list[Any]]:
    """Return the columns of one JSON object per line; a missing entry is None."""
    try:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} should have one JSON object per line ({error}).") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} should have one JSON object per line.")
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    return _to_columns(names, [[row.get(name) for name in names] for row in rows])


def _to_columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return rows as columns by name."""
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}
