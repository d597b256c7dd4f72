"""What a design of n seeds per arm can see: two independent samples, two-sided, by the noncentral t."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

MOST_SEEDS = 100_000


def power(difference: float, *, sd: float, seeds: int, alpha: float = 0.05) -> float:
    """Return the chance that `seeds` per arm show a true `difference` at level `alpha`.

    >>> round(power(0.5, sd=0.5, seeds=17), 2)
    0.81
    """
    degrees = 2 * seeds - 2
    shift = abs(difference) / (sd * math.sqrt(2 / seeds))
    critical = float(stdtrit(degrees, 1 - alpha / 2))
    tails = np.array([1 - nctdtr(degrees, shift, critical), nctdtr(degrees, shift, -critical)])
    # Far out in the tail the noncentral t gives NaN where the probability is 0 (below) or 1 (above).
    return float(np.where(np.isnan(tails), (1.0, 0.0), tails).sum())


def seeds_needed(
    difference: float, *, sd: float, alpha: float = 0.05, power_wanted: float = 0.8
) -> int:
    """Return the least number of seeds per arm that shows `difference` with the power wanted.

    At least 3, since fewer give no interval that means anything; and at most 100,000.

    >>> seeds_needed(0.3, sd=0.15), seeds_needed(0.5, sd=0.5, alpha=0.0125)
    (6, 24)
    """
    low, high = 3, MOST_SEEDS
    while low < high:
        middle = (low + high) // 2
        if power(difference, sd=sd, seeds=middle, alpha=alpha) >= power_wanted:
            high = middle
        else:
            low = middle + 1
    return low


def detectable_difference(
    *, sd: float, seeds: int, alpha: float = 0.05, power_wanted: float = 0.8
) -> float:
    """Return the smallest true difference that `seeds` per arm show with the power wanted.

    >>> round(detectable_difference(sd=0.5, seeds=17), 2)
    0.5
    """
    if sd == 0:
        return 0.0

    def missing(scaled: float) -> float:
        return power(scaled, sd=1.0, seeds=seeds, alpha=alpha) - power_wanted

    return sd * float(brentq(missing, 1e-6, 1e3))
