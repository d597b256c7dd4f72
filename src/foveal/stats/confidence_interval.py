"""Confidence interval of a single mean."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from foveal.validation import require_strictly_between


def compute_mean_interval(values: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Return Student's two-sided interval of the mean; NaN for fewer than two values.

    Do not compare variants by it: two overlapping intervals say less than the interval of the difference.

    >>> tuple(round(end, 3) for end in compute_mean_interval([1.0, 2.0, 3.0]))
    (-0.484, 4.484)
    """
    require_strictly_between("level", level, 0, 1)
    array = np.asarray(values, dtype=np.float64)
    if array.size < 2:
        return math.nan, math.nan
    half_width = float(stdtrit(array.size - 1, (1 + level) / 2)) * float(array.std(ddof=1))
    half_width /= math.sqrt(array.size)
    return float(array.mean()) - half_width, float(array.mean()) + half_width
