"""Comparison of the spread of two samples: ratio of standard deviations with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from foveal.validation import require_strictly_between


@dataclass(frozen=True)
class SpreadRatio:
    """Ratio of two standard deviations with its confidence interval at `level`."""

    ratio: float
    interval: tuple[float, float]
    level: float

    @property
    def is_different(self) -> bool:
        """True if the interval excludes 1."""
        low, high = self.interval
        return low > 1 or high < 1


def compute_spread_ratio(
    values: npt.ArrayLike, baseline: npt.ArrayLike, *, level: float = 0.95
) -> SpreadRatio | None:
    """Return sd(values) / sd(baseline) with its F interval, or None if one of them does not vary.

    With r the ratio of the variances, the interval is from sqrt(r / F(p; n - 1, n' - 1)) to
    sqrt(r / F(1 - p; n - 1, n' - 1)), with p = (1 + level) / 2. It assumes normal values. Both samples need at
    least two.

    >>> compute_spread_ratio([1.0, 2.0, 3.0], [1.0, 1.5, 2.0]).ratio
    2.0
    """
    require_strictly_between("level", level, 0, 1)
    a, b = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    ratio = float(a.var(ddof=1) / b.var(ddof=1))
    low, high = (
        math.sqrt(ratio / float(fdtri(a.size - 1, b.size - 1, share)))
        for share in ((1 + level) / 2, (1 - level) / 2)
    )
    return SpreadRatio(math.sqrt(ratio), (low, high), level)
