"""Power of two independent samples of n seeds each: two-sided t test, by the noncentral t distribution."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

from foveal.errors import bad_parameter
from foveal.stats.comparison import MIN_SEEDS

MAX_SEEDS_NEEDED: Final = 100_000
"""Limit of `compute_seeds_needed`, which means this number or more."""


def compute_power(difference: float, *, sd: float, seeds: int, alpha: float = 0.05) -> float:
    """Return the probability that `seeds` per variant detect a true `difference` at level `alpha`.

    >>> round(compute_power(0.5, sd=0.5, seeds=17), 2)
    0.81
    """
    if seeds < 2:
        raise bad_parameter("seeds", "at least 2", seeds)
    if not sd >= 0:  # also refuses NaN
        raise bad_parameter("sd", "0 or more", sd)
    if math.isnan(difference):
        raise bad_parameter("difference", "a number", difference)
    if sd == 0:  # every difference is detected, and none at the rate of false positives
        return 1.0 if difference else alpha
    degrees_of_freedom = 2 * seeds - 2
    noncentrality = abs(difference) / (sd * math.sqrt(2 / seeds))
    critical = float(stdtrit(degrees_of_freedom, 1 - alpha / 2))
    # nctdtr, scipy.stats.nct and statsmodels return NaN for probabilities below 1e-12.
    below = np.nan_to_num(nctdtr(degrees_of_freedom, noncentrality, [critical, -critical]))
    return float(1 - below[0] + below[1])


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


def compute_detectable_difference(
    *, sd: float, seeds: int, alpha: float = 0.05, target_power: float = 0.8
) -> float:
    """Return the smallest true difference that `seeds` per variant detect with the target power.

    >>> round(compute_detectable_difference(sd=0.5, seeds=17), 2)
    0.5
    """
    if sd == 0:
        return 0.0

    def power_above_target(scaled_difference: float) -> float:
        power = compute_power(scaled_difference, sd=1.0, seeds=seeds, alpha=alpha)
        return power - target_power

    return sd * float(brentq(power_above_target, 1e-6, 1e3))
