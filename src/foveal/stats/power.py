"""Power of Welch's test with n seeds per variant and equal standard deviations, exact."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import nctdtr, roots_gegenbauer, stdtrit

from foveal.errors import bad_parameter
from foveal.stats.comparison import MIN_SEEDS
from foveal.stats.sd_estimate import compute_sd_interval

_FloatArray = npt.NDArray[np.float64]

MAX_SEEDS_NEEDED: Final = 100_000
"""Limit of `compute_seeds_needed`, which means this number or more."""
_NODES: Final = 16  # exact to 1e-8


def compute_power(difference: float, *, sd: float, seeds: int, alpha: float = 0.05) -> float:
    """Return the probability that `seeds` per variant detect a true `difference` at level `alpha`.

    With equal numbers of seeds, Welch's statistic is that of the pooled test: noncentral t with 2n - 2
    degrees of freedom and noncentrality d / (sd sqrt(2 / n)). It is independent of
    u = s1^2 / (s1^2 + s0^2), which is Beta((n - 1) / 2, (n - 1) / 2). Given u, the critical value is that of t
    with (n - 1) / (u^2 + (1 - u)^2) degrees of freedom, and the power is the mean over u.

    >>> round(compute_power(4.52, sd=1.0, seeds=3, alpha=0.0125), 3)
    0.598
    """
    if seeds < 2:
        raise bad_parameter("seeds", "at least 2", seeds)
    if not sd >= 0:  # also refuses NaN
        raise bad_parameter("sd", "0 or more", sd)
    if math.isnan(difference):
        raise bad_parameter("difference", "a number", difference)
    if sd == 0:  # every difference is detected, and none at the rate of false positives
        return 1.0 if difference else alpha
    weights, degrees_of_freedom = _list_variance_shares(seeds)
    noncentrality = abs(difference) / (sd * math.sqrt(2 / seeds))
    critical = stdtrit(degrees_of_freedom, 1 - alpha / 2)
    # nctdtr, scipy.stats.nct and statsmodels return NaN for probabilities below 1e-12.
    below = np.nan_to_num(nctdtr(2 * seeds - 2, noncentrality, [critical, -critical]))
    return float(weights @ (1 - below[0] + below[1]))


@lru_cache(maxsize=64)
def _list_variance_shares(seeds: int) -> tuple[_FloatArray, _FloatArray]:
    """Return weights and Welch's degrees of freedom at the nodes of a Gauss rule for u above 1/2.

    The rule is Gegenbauer's, whose weight is the density of Beta((n - 1) / 2, (n - 1) / 2). Below 1/2 all
    values are the same.
    """
    if seeds == 2:  # roots_gegenbauer has no weights at its limit, the rule of Chebyshev
        nodes = np.cos((2 * np.arange(_NODES) + 1) * math.pi / (2 * _NODES))
        weights = np.ones(_NODES)
    else:
        nodes, weights = roots_gegenbauer(_NODES, (seeds - 2) / 2)
    u, weights = (1 + nodes[nodes > 0]) / 2, weights[nodes > 0]
    return weights / weights.sum(), (seeds - 1) / (u**2 + (1 - u) ** 2)


def compute_seeds_needed(
    difference: float, *, sd: float, alpha: float = 0.05, target_power: float = 0.8
) -> int:
    """Return the smallest number of seeds per variant that detects `difference` with the target power.

    The result is at least 3, because fewer seeds give no useful interval, and at most 100,000, which means
    that number or more.

    >>> compute_seeds_needed(0.3, sd=0.15), compute_seeds_needed(0.5, sd=0.5, alpha=0.0125)
    (6, 24)
    """
    low, high = MIN_SEEDS, MAX_SEEDS_NEEDED
    while low < high:
        middle = (low + high) // 2
        if compute_power(difference, sd=sd, seeds=middle, alpha=alpha) >= target_power:
            high = middle
        else:
            low = middle + 1
    return low


def compute_seeds_needed_interval(
    difference: float, *, sd: float, seeds: int, alpha: float = 0.05, level: float = 0.9
) -> tuple[int, int]:
    """Return `compute_seeds_needed` at both ends of the interval of the standard deviation.

    `sd` is the root mean square of the estimates of two variants with `seeds` runs each.

    >>> compute_seeds_needed_interval(0.5, sd=1.5, seeds=3, alpha=0.0125)
    (87, 1132)
    """
    low, high = (
        compute_seeds_needed(difference, sd=end, alpha=alpha)
        for end in compute_sd_interval(sd, degrees_of_freedom=2 * seeds - 2, level=level)
    )
    return low, high


def compute_detectable_difference(
    *, sd: float, seeds: int, alpha: float = 0.05, target_power: float = 0.8
) -> float:
    """Return the smallest true difference that `seeds` per variant detect with the target power.

    >>> round(compute_detectable_difference(sd=1.0, seeds=3, alpha=0.0125), 2)
    5.81
    """
    if sd == 0:
        return 0.0

    def power_above_target(scaled_difference: float) -> float:
        power = compute_power(scaled_difference, sd=1.0, seeds=seeds, alpha=alpha)
        return power - target_power

    return sd * float(brentq(power_above_target, 1e-6, 1e3))
