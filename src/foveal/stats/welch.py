"""Welch's test of the difference of two means with unequal variances (Welch 1947)."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def run_welch_test(
    values: npt.ArrayLike, baseline: npt.ArrayLike, *, test_images: int | None = None
) -> WelchTest:
    """Test mean(values) - mean(baseline); both need at least two values.

    Accuracies on N test images are multiples of 1 / N, so equal ones do not mean that nothing varies. With
    `test_images` the squared standard error is at least (1 / n + 1 / n') / (12 N^2), the variance of
    rounding. If the values of a variant are all equal, the degrees of freedom are those of the smaller
    sample; without `test_images`, the standard error is 0 if both are, and an interval is a point.

    >>> round(run_welch_test([3.0, 5.0], [1.0, 3.0]).difference, 3)
    2.0
    """
    a, b = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    variance_a, variance_b = (_compute_variance(array) / array.size for array in (a, b))
    variance = variance_a + variance_b
    degrees_of_freedom = float(min(a.size, b.size) - 1)
    if variance_a > 0 and variance_b > 0:
        weighted = variance_a**2 / (a.size - 1) + variance_b**2 / (b.size - 1)
        degrees_of_freedom = variance**2 / weighted
    if test_images is not None:
        variance = max(variance, (1 / a.size + 1 / b.size) * compute_rounding_variance(test_images))
    return WelchTest(float(a.mean() - b.mean()), math.sqrt(variance), degrees_of_freedom)


def compute_average_sd(
    values: Sequence[float], baseline: Sequence[float], *, test_images: int | None = None
) -> float:
    """Return the root mean square of two standard deviations, with `test_images` at least that of rounding."""
    variance = float(np.var(values, ddof=1) + np.var(baseline, ddof=1)) / 2
    if test_images is not None:
        variance = max(variance, compute_rounding_variance(test_images))
    return math.sqrt(variance)


def compute_rounding_variance(test_images: int) -> float:
    """Return the variance that an accuracy has because it is a multiple of 1 / `test_images`."""
    return 1 / (12 * test_images**2)


def _compute_variance(values: npt.NDArray[np.float64]) -> float:
    """Return the variance of the values; 0 for equal values, whose mean may be rounded."""
    return float(values.var(ddof=1)) if np.ptp(values) > 0 else 0.0
