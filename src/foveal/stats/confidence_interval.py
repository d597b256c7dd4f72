"""The interval of one mean, beside it; it decides nothing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from foveal.errors import bad_parameter


def mean_interval(values: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Return Student's two-sided interval of the mean; of fewer than two values it is NaN.

    Two variants are not compared by it: whether two such intervals overlap says less than the interval
    of the difference.

    >>> tuple(round(end, 3) for end in mean_interval([1.0, 2.0, 3.0]))
    (-0.484, 4.484)
    """
    if not 0 < level < 1:
        raise bad_parameter("level", "between 0 and 1", level)
    array = np.asarray(values, dtype=np.float64)
    if array.size < 2:
        return math.nan, math.nan
    half = float(stdtrit(array.size - 1, (1 + level) / 2)) * float(array.std(ddof=1))
    half /= math.sqrt(array.size)
    return float(array.mean()) - half, float(array.mean()) + half
