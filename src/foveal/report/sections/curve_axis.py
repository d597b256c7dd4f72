"""Vertical axis of learning curves, chosen so that late differences can be seen, and curves cut at its ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from foveal.plotting import choose_ticks

_Point = tuple[float, float]
_MAX_TICKS: Final = 4
_MAX_RANGE_SHARE: Final = 0.7
"""Share of the whole range under which the last epochs get the axis for themselves."""


@dataclass(frozen=True)
class CurveAxis:
    """The ticks of an axis, and how many of the first epochs it was not chosen for."""

    ticks: list[float]
    omitted_epochs: int


def choose_curve_axis(curves: Sequence[Any]) -> CurveAxis:
    """Return an axis for the curves (R, E) of all variants.

    If the first half of the epochs squashes the second, which is at least two epochs, this half alone decides.

    >>> choose_curve_axis([np.array([[10.0, 70, 90, 92]])])
    CurveAxis(ticks=[90.0, 90.5, 91.0, 91.5, 92.0], omitted_epochs=2)
    """
    epochs = max(curve.shape[1] for curve in curves)
    early = max(0, min(epochs // 2, epochs - 2))
    low, high = _find_range(curves)
    late_low, late_high = _find_range([curve[:, early:] for curve in curves])
    if 0 < late_high - late_low < _MAX_RANGE_SHARE * (high - low):
        return CurveAxis(choose_ticks(late_low, late_high, _MAX_TICKS), early)
    return CurveAxis(choose_ticks(low, high, _MAX_TICKS), 0)


def _find_range(curves: Sequence[Any]) -> tuple[float, float]:
    """Return the lowest and the highest finite value; 0 and 0 without any."""
    values = np.concatenate([curve.ravel() for curve in curves])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def cut_curve(points: Sequence[_Point], *, top: float, bottom: float) -> list[_Point]:
    """Return a curve with a point at each place where it leaves or enters a panel, and NaN outside of it.

    >>> cut_curve([(0, 20), (10, 0)], top=0, bottom=10)
    [(0, nan), (5.0, 10.0), (10, 0)]
    """
    cut: list[_Point] = []
    for (x0, y0), (x1, y1) in pairwise([*points, points[-1]]):
        is_inside = top <= y0 <= bottom
        cut.append((x0, y0 if is_inside else math.nan))
        crossings = [
            (x0 + (x1 - x0) * (edge - y0) / (y1 - y0), float(edge))
            for edge in (top, bottom)
            if min(y0, y1) < edge < max(y0, y1)
        ]
        cut += sorted(crossings)
    return cut
