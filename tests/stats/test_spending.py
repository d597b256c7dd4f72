"""Boundaries of repeated looks against published ones and against simulated sums."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from foveal.stats.spending import compute_boundaries, spend_alpha

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_boundaries_of_obrien_and_fleming_are_the_published_ones() -> None:
    """Spending of Lan and DeMets (1983), five looks, 2.5 % on each side."""
    spent = [2 * (2 - 2 * float(ndtr(ndtri(1 - 0.0125) / math.sqrt(share)))) for share in SHARES]
    boundaries = compute_boundaries(SHARES, spent, sides=2)
    assert boundaries == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=1e-3)


def test_boundaries_of_pocock_are_the_published_ones() -> None:
    spent = [0.05 * math.log(1 + (math.e - 1) * share) for share in SHARES]
    boundaries = compute_boundaries(SHARES, spent, sides=2)
    assert (boundaries[0], boundaries[-1]) == pytest.approx((2.438, 2.386), abs=1e-3)


@pytest.mark.parametrize("sides", [1, 2])
def test_boundaries_spend_their_share(sides: int) -> None:
    """Count the first crossings of simulated sums."""
    looks, count = [4, 5, 8], 200_000
    spent = spend_alpha(looks, alpha=0.1)
    boundaries = compute_boundaries(looks, spent, sides=1 if sides == 1 else 2)
    random = np.random.default_rng(0)
    sums = np.cumsum(random.standard_normal((count, looks[-1])), axis=1)
    statistics = sums[:, [n - 1 for n in looks]] / np.sqrt(looks)
    crossed = (statistics if sides == 1 else np.abs(statistics)) >= boundaries
    shares = np.logical_or.accumulate(crossed, axis=1).mean(axis=0)
    assert shares == pytest.approx(spent, abs=4 * math.sqrt(0.09 / count))
