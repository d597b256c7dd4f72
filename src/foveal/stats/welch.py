"""Difference of two means with Welch's interval (Welch 1947), which lets the variances differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Welch:
    """Difference of means, its standard error, and the degrees of freedom of Welch and Satterthwaite."""

    difference: float
    standard_error: float
    degrees_of_freedom: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided confidence interval of the difference at `level`, say 0.95."""
        half = float(stdtrit(self.degrees_of_freedom, (1 + level) / 2)) * self.standard_error
        return self.difference - half, self.difference + half

    def chance_below(self, distance: float) -> float:
        """Return P(T <= distance / standard error), T of Student's t; without any spread 0 or 1."""
        if self.standard_error == 0:
            return float(distance >= 0)
        return float(stdtr(self.degrees_of_freedom, distance / self.standard_error))

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no difference."""
        return min(1.0, 2 * self.chance_below(-abs(self.difference)))


def welch(values: npt.ArrayLike, baseline: npt.ArrayLike) -> Welch:
    """Return the difference mean(values) - mean(baseline); each needs at least two values.

    Without any spread in both, error and degrees of freedom are 0 and 1, and an interval is a point.

    >>> round(welch([3.0, 5.0], [1.0, 3.0]).difference, 3)
    2.0
    """
    a, b = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    of_a, of_b = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    total = of_a + of_b
    spread = of_a**2 / (a.size - 1) + of_b**2 / (b.size - 1)
    degrees = float(total**2 / spread) if spread > 0 else 1.0
    return Welch(float(a.mean() - b.mean()), float(np.sqrt(total)), degrees)
