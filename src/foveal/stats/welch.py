"""Welch's test of the difference of two means with unequal variances (Welch 1947)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class WelchTest:
    """Difference of means, its standard error, and the degrees of freedom of Welch and Satterthwaite."""

    difference: float
    standard_error: float
    degrees_of_freedom: float

    def compute_interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided confidence interval of the difference at `level`, for example 0.95."""
        half_width = float(stdtrit(self.degrees_of_freedom, (1 + level) / 2)) * self.standard_error
        return self.difference - half_width, self.difference + half_width

    def cdf(self, distance: float) -> float:
        """Return P(T <= distance / standard error) for Student's t; 0 or 1 if the standard error is 0."""
        if self.standard_error == 0:
            return float(distance >= 0)
        return float(stdtr(self.degrees_of_freedom, distance / self.standard_error))

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no difference."""
        return min(1.0, 2 * self.cdf(-abs(self.difference)))


def run_welch_test(values: npt.ArrayLike, baseline: npt.ArrayLike) -> WelchTest:
    """Test mean(values) - mean(baseline); both need at least two values.

    If neither varies, the standard error is 0, the degrees of freedom are 1, and an interval is a point.

    >>> round(run_welch_test([3.0, 5.0], [1.0, 3.0]).difference, 3)
    2.0
    """
    a, b = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    variance_a, variance_b = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    variance = variance_a + variance_b
    weighted = variance_a**2 / (a.size - 1) + variance_b**2 / (b.size - 1)
    degrees_of_freedom = float(variance**2 / weighted) if weighted > 0 else 1.0
    return WelchTest(float(a.mean() - b.mean()), float(np.sqrt(variance)), degrees_of_freedom)
