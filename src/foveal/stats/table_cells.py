"""Cells of a table: numbers, seeds and empty cells in the ways in which programs write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from foveal.errors import UsageError
from foveal.text_format import join_first

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_MAX_NAMED: Final = 12


def is_numeric(column: Sequence[Any]) -> bool:
    """Return True if a column has numbers, and nothing else but empty cells."""
    present = [cell for cell in column if not is_empty(cell)]
    return bool(present) and all(parse_number(cell) is not None for cell in present)


def is_empty(cell: Any) -> bool:
    """Return True for an empty cell: None, NaN or blank text."""
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or cell != cell


def parse_number(cell: Any) -> float | None:
    """Return the number of a cell, also of text with a percent sign or a decimal comma; None if there is none.

    >>> parse_number("76.2 %"), parse_number("76,2"), parse_number("cbam")
    (76.2, 76.2, None)
    """
    if isinstance(cell, str):
        text = cell.strip().removesuffix("%").strip()
        if text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(cell, bool | np.bool_):
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def parse_values(
    column: Sequence[Any], variants: Sequence[str], name: str
) -> npt.NDArray[np.float64]:
    """Return the outcomes as numbers."""
    values = [parse_number(cell) for cell in column]
    for row, value in enumerate(values):
        if value is None or not math.isfinite(value):
            found = "nothing" if is_empty(column[row]) else repr(column[row])
            raise UsageError(
                f"Each run should have a finite number in {name!r}. Found {found} for {variants[row]!r} in row "
                f"{row + 1}. Train the run again, or remove it if the failure was not its result."
            )
    return np.array(values, dtype=np.float64)


def parse_seeds(column: Sequence[Any]) -> list[int]:
    """Return the seeds as whole numbers; text counts by the number at its end."""
    seeds = []
    for row, cell in enumerate(column):
        number = None if isinstance(cell, str) else parse_number(cell)
        match = re.search(r"(\d+)\s*$", cell) if isinstance(cell, str) else None
        if match:
            seeds.append(int(match[1]))
        elif number is not None and number.is_integer():
            seeds.append(int(number))
        else:
            raise UsageError(f"Seeds should be whole numbers. Found {cell!r} in row {row + 1}.")
    return seeds


def list_names(names: Iterable[str]) -> str:
    """Return names in quotes, the first few of many."""
    return join_first([repr(name) for name in names], _MAX_NAMED)
