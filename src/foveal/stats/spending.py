"""Nominal levels of a group-sequential test: the error rate, spent over the looks at the data.

A test that is repeated at each look at its full level is wrong more often than that level says. Here the rate
that may be spent by n of N seeds is alpha (n / N)^1.5 (power family of Kim and DeMets 1987), and each look gets
the level that spends exactly its share (Armitage, McPherson and Rowe 1969; Lan and DeMets 1983).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

SPENDING_POWER: Final = 1.5
_FloatArray = npt.NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)
_FAR: Final = 12.0  # standard deviations that no boundary and no density reaches


def spend_alpha(looks: Sequence[int], *, alpha: float) -> list[float]:
    """Return the error rate spent up to each look, alpha (n / N)^1.5.

    >>> [round(rate, 4) for rate in spend_alpha([5, 10, 20], alpha=0.05)]
    [0.0063, 0.0177, 0.05]
    """
    return [alpha * (seeds / looks[-1]) ** SPENDING_POWER for seeds in looks]


def compute_boundaries(
    looks: Sequence[float], spent: Sequence[float], *, sides: Literal[1, 2]
) -> list[float]:
    """Return the boundaries of standard normal statistics, one per look.

    The statistic of look j is S_j / sqrt(n_j), where S is a sum with independent N(0, 1) increments per seed.
    It first crosses its boundary at look j with the probability spent[j] - spent[j - 1]: upward with one
    side, in either direction with two. The density of the sums that have crossed none is integrated from look
    to look by a Gauss rule of 400 nodes.

    Args:
        looks: numbers of seeds or other information, increasing.
        spent: error rate spent up to each look, increasing.
        sides: 2 to stop at either side, 1 to stop above the boundary only.

    >>> [round(boundary, 2) for boundary in compute_boundaries([1, 2], [0.025, 0.05], sides=2)]
    [2.24, 2.13]
    """
    boundaries: list[float] = []
    sums, masses = np.zeros(1), np.ones(1)
    seeds_before, spent_before = 0.0, 0.0
    for seeds, spent_now in zip(looks, spent, strict=True):
        step_sd, root = math.sqrt(seeds - seeds_before), math.sqrt(seeds)
        share = (spent_now - spent_before) / sides
        boundary = _find_boundary(sums / root, masses, step_sd / root, share)
        boundaries.append(boundary)
        low, high = (-boundary if sides == 2 else -_FAR) * root, boundary * root
        nodes = low + (high - low) * (_NODES + 1) / 2
        densities = np.exp(-(((nodes[:, None] - sums) / step_sd) ** 2) / 2) @ masses
        masses = densities * _WEIGHTS * (high - low) / 2 / (step_sd * math.sqrt(2 * math.pi))
        sums, seeds_before, spent_before = nodes, seeds, spent_now
    return boundaries


def _find_boundary(means: _FloatArray, masses: _FloatArray, sd: float, share: float) -> float:
    """Return the value that a mixture of normal distributions exceeds with probability `share`."""

    def compute_excess(value: float) -> float:
        return float(masses @ ndtr((means - value) / sd)) - share

    return float(brentq(compute_excess, 0, _FAR))
