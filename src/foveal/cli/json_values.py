"""Parts that the schemas of all JSON outputs share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from foveal.records import StudyRecord

Interval = tuple[float, float]


class Output(BaseModel):
    """Base of all parts of the output; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def get_cell_label(cell: StudyRecord) -> str:
    """Return the label of a cell of the grid; empty without a grid."""
    return cell.cell.label if cell.cell else ""


def nan_to_none(value: float) -> float | None:
    """Return `value`, or None for NaN."""
    return None if math.isnan(value) else value


def convert_interval(ends: Interval, convert: Callable[[float], float]) -> Interval:
    """Return the converted ends of an interval, the lower one first."""
    low, high = sorted(map(convert, ends))
    return low, high


def interval_or_none(ends: Interval, convert: Callable[[float], float] = float) -> Interval | None:
    """Return the converted ends of an interval, or None if they are NaN."""
    return None if math.isnan(ends[0]) else convert_interval(ends, convert)
