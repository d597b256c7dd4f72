"""What a design of n seeds per arm can see: two independent samples, two-sided, by the noncentral t."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

from foveal.errors import bad_parameter

MOST_SEEDS = 100_000


def power(difference: float, *, sd: float, seeds: int, alpha: float = 0.05) -> float:
    """Return the chance that `seeds` per arm show a true `difference` at level `alpha`.

    >>> round(power(0.5, sd=0.5, seeds=17), 2)
    0.81
    """
    if seeds < 2:
        raise bad_parameter("seeds", "at least 2", seeds)
    if not sd >= 0:  # NaN is not
        raise bad_parameter("sd", "0 or more", sd)
    if math.isnan(difference):
        raise bad_parameter("difference", "a number", difference)
    if sd == 0:  # whatever there is shows, and nothing shows by the rate of false alarms
        return 1.0 if difference else alpha
    degrees = 2 * seeds - 2
    shift = abs(difference) / (sd * math.sqrt(2 / seeds))
    critical = float(stdtrit(degrees, 1 - alpha / 2))
    # nctdtr gives NaN, as scipy.stats.nct and so statsmodels do, where the probability is below 1e-12.
    below = np.nan_to_num(nctdtr(degrees, shift, [critical, -critical]))
    return float(1 - below[0] + below[1])


def seeds_needed(
    difference: float, *, sd: float, alpha: float = 0.05, power_wanted: float = 0.8
) -> int:
    """Return the least number of seeds per arm that shows `difference` with the power wanted.

    At least 3, since fewer give no interval that means anything; 100,000 stands for that or more.

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
