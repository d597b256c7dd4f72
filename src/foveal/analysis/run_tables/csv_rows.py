"""Rows of a CSV file that another program writes while it trains."""

from __future__ import annotations

import csv
from pathlib import Path

from foveal.analysis.run_tables.found_run import UnreadableRunError


def read_csv_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows by column, without spaces around names and cells; a last line cut short lacks columns.

    Raises:
        UnreadableRunError: the file cannot be read or has no rows.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableRunError(f"{path.name} is not CSV") from error
    if len(lines) < 2:
        raise UnreadableRunError(f"{path.name} has no rows")
    names = [name.strip() for name in lines[0]]
    return [dict(zip(names, (cell.strip() for cell in cells), strict=False)) for cells in lines[1:]]
