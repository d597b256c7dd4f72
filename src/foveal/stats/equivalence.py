"""Equivalence test: two one-sided tests of a difference against a margin (Schuirmann 1987)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from foveal.stats.welch import WelchTest, run_welch_test
from foveal.validation import require_positive, require_strictly_between


@dataclass(frozen=True)
class EquivalenceTest:
    """Difference of means compared with `margin` by two one-sided tests at level `alpha`."""

    welch: WelchTest
    margin: float
    alpha: float

    @property
    def interval(self) -> tuple[float, float]:
        """Interval at level 1 - 2 alpha; it is within the margin if and only if both tests reject."""
        return self.welch.compute_interval(1 - 2 * self.alpha)

    @property
    def p_value(self) -> float:
        """Larger p-value of the two tests, P(T <= (|difference| - margin) / standard error)."""
        return self.welch.cdf(abs(self.welch.difference) - self.margin)

    @property
    def is_equivalent(self) -> bool:
        """True if the interval is strictly between -margin and margin."""
        low, high = self.interval
        return -self.margin < low and high < self.margin


def run_equivalence_test(
    values: npt.ArrayLike,
    baseline: npt.ArrayLike,
    *,
    margin: float,
    alpha: float = 0.05,
    test_images: int | None = None,
) -> EquivalenceTest:
    """Test whether mean(values) - mean(baseline) is within `margin` (Schuirmann 1987).

    Both need at least two values. `alpha` is the probability of calling a difference as large as the margin
    equivalent. `test_images` bounds the standard error as in `run_welch_test`.

    >>> run_equivalence_test([0.80, 0.81, 0.80], [0.80, 0.80, 0.81], margin=0.05).is_equivalent
    True
    """
    require_positive("margin", margin)
    require_strictly_between("alpha", alpha, 0, 0.5)
    welch = run_welch_test(values, baseline, test_images=test_images)
    return EquivalenceTest(welch, margin, alpha)
