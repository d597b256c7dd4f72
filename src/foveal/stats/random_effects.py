"""Summary of the effects in several data sets by random effects, with an interval for another data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from foveal.errors import UsageError

MIN_DATA_SETS: Final = 5
"""Data sets from which on there is a summary; from fewer, the spread between them is hardly known."""


@dataclass(frozen=True)
class RandomEffects:
    """Effects in K data sets as draws from a normal distribution over data sets.

    Attributes:
        mean: mean effect over data sets.
        interval: interval of the mean.
        prediction_interval: interval in which the true effect in another data set lies.
        sd: standard deviation of the true effects between data sets (tau).
        level: level of both intervals.
        data_sets: number of data sets.
    """

    mean: float
    interval: tuple[float, float]
    prediction_interval: tuple[float, float]
    sd: float
    level: float
    data_sets: int


def combine_effects(
    effects: Sequence[float], standard_errors: Sequence[float], *, level: float = 0.95
) -> RandomEffects:
    """Return the summary of effects with their standard errors.

    The variance between data sets is that of Paule and Mandel (1982): the weighted sum of squares has its
    expectation. The interval of the mean is that of Hartung and Knapp (2001) with K - 1 degrees of freedom,
    and never narrower than without their factor (Röver et al. 2015). The prediction interval has K - 2
    degrees of freedom (Higgins et al. 2009).

    Args:
        effects: effect in each data set, (K,).
        standard_errors: standard error of each, (K,), above 0.
        level: level of both intervals.

    Raises:
        UsageError: there are fewer than 3 effects, or a standard error is not above 0.

    >>> summary = combine_effects([1.0, 2.0, 3.0, 2.0, 1.5], [0.2] * 5)
    >>> round(summary.mean, 2), round(summary.sd, 2)
    (1.9, 0.71)
    """
    y, variances = np.asarray(effects, float), np.square(np.asarray(standard_errors, float))
    if y.size < 3 or y.shape != variances.shape:
        raise UsageError("A summary needs at least 3 effects, each with a standard error.")
    if not (variances > 0).all():
        raise UsageError("Standard errors should be above 0.")
    variance = _estimate_variance(y, variances)
    weights = 1 / (variances + variance)
    mean = float(weights @ y / weights.sum())
    factor = max(1.0, _sum_squares(y, variances, variance) / (y.size - 1))
    error = math.sqrt(factor / weights.sum())
    half = error * float(stats.t.ppf((1 + level) / 2, y.size - 1))
    other = math.hypot(error, math.sqrt(variance)) * float(stats.t.ppf((1 + level) / 2, y.size - 2))
    return RandomEffects(
        mean,
        (mean - half, mean + half),
        (mean - other, mean + other),
        math.sqrt(variance),
        level,
        y.size,
    )


def _sum_squares(
    y: npt.NDArray[np.float64], variances: npt.NDArray[np.float64], variance: float
) -> float:
    """Return the weighted sum of squares about the weighted mean."""
    weights = 1 / (variances + variance)
    return float(weights @ (y - weights @ y / weights.sum()) ** 2)


def _estimate_variance(y: npt.NDArray[np.float64], variances: npt.NDArray[np.float64]) -> float:
    """Return the variance between data sets, 0 if the effects differ no more than by their errors."""
    if _sum_squares(y, variances, 0.0) <= y.size - 1:
        return 0.0
    top = float(np.ptp(y)) ** 2  # there, the sum of squares is below K - 1
    return float(
        optimize.brentq(
            lambda variance: _sum_squares(y, variances, variance) - (y.size - 1),
            0.0,
            top,
            xtol=1e-12 * top,
        )
    )
