"""Unit of an outcome: how its differences are written in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class OutcomeUnit:
    """Unit of the differences of an outcome; within the statistics, larger is better.

    `factor` times a number of the statistics is the number that is shown: 100 for accuracies, which are
    fractions of 1 and shown in points. It is negative where lower is better. `noun` may be empty.
    """

    factor: float = 100.0
    noun: str = "points"
    decimals: int = 2

    @property
    def suffix(self) -> str:
        """The noun after a space; empty without a noun."""
        return f" {self.noun}" if self.noun else ""

    def format_size(self, size: float) -> str:
        """Return a size without sign and without the noun.

        >>> OutcomeUnit().format_size(-0.0123)
        '1.23'
        """
        return f"{abs(self.factor * size):.{self.decimals}f}"

    def format_signed(self, difference: float) -> str:
        """Return a difference with its sign and without the noun.

        >>> OutcomeUnit().format_signed(0.0123), OutcomeUnit(-1, "", 3).format_signed(0.25)
        ('+1.23', '-0.250')
        """
        return f"{self.factor * difference:+.{self.decimals}f}"

    def format_mean(self, values: npt.NDArray[np.float64]) -> str:
        """Return the mean of runs in the shown unit and, of several, their standard deviation.

        >>> OutcomeUnit().format_mean(np.array([0.84, 0.85, 0.86]))
        '85.00 ± 1.00'
        """
        shown = self.factor * values
        text = f"{shown.mean():.{self.decimals}f}"
        return text if shown.size == 1 else f"{text} ± {np.std(shown, ddof=1):.{self.decimals}f}"

    def convert_interval(self, interval: tuple[float, float]) -> tuple[float, float]:
        """Return an interval in the shown unit, its lower end first.

        >>> OutcomeUnit(-1, "", 3).convert_interval((-0.5, 0.25))
        (-0.25, 0.5)
        """
        low, high = (self.factor * end for end in interval)
        return (high, low) if self.factor < 0 else (low, high)

    def format_ends(self, interval: tuple[float, float]) -> tuple[str, str]:
        """Return both ends of an interval in the shown unit with their signs, without the noun."""
        low, high = self.convert_interval(interval)
        return f"{low:+.{self.decimals}f}", f"{high:+.{self.decimals}f}"


POINTS: Final = OutcomeUnit()
"""Percentage points, for accuracies as fractions of 1."""
