"""Whether a difference is surely smaller than a margin: two one-sided tests (Schuirmann 1987)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from foveal.errors import bad_parameter
from foveal.stats.welch import Welch, welch


@dataclass(frozen=True)
class Equivalence:
    """Difference of means held against `margin` by two tests at `alpha`."""

    welch: Welch
    margin: float
    alpha: float

    @property
    def interval(self) -> tuple[float, float]:
        """The interval at level 1 - 2 alpha, which lies in the margin where both tests reject."""
        return self.welch.interval(1 - 2 * self.alpha)

    @property
    def p_value(self) -> float:
        """The larger p-value of the two, P(T <= (|difference| - margin) / standard error)."""
        return self.welch.chance_below(abs(self.welch.difference) - self.margin)

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies strictly between -margin and margin."""
        low, high = self.interval
        return -self.margin < low and high < self.margin


def equivalence(
    values: npt.ArrayLike, baseline: npt.ArrayLike, *, margin: float, alpha: float = 0.05
) -> Equivalence:
    """Test whether mean(values) - mean(baseline) lies within `margin` (Schuirmann 1987).

    Each arm needs at least two values. `alpha` is the chance to call a difference as large as the
    margin equivalent.

    >>> equivalence([0.80, 0.81, 0.80], [0.80, 0.80, 0.81], margin=0.05).equivalent
    True
    """
    if not margin > 0:
        raise bad_parameter("margin", "above 0", margin)
    if not 0 < alpha < 0.5:
        raise bad_parameter("alpha", "between 0 and 0.5", alpha)
    return Equivalence(welch(values, baseline), margin, alpha)
