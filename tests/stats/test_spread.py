"""Ratio of standard deviations: against the quantiles of scipy.stats, and its coverage."""

import math

import numpy as np
import pytest
import scipy.stats

from foveal.stats import compute_spread_ratio


@pytest.mark.parametrize("sizes", [(3, 3), (5, 8)])
def test_interval_is_that_of_the_f_distribution(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    values, others = random.standard_normal(sizes[0]), 0.3 * random.standard_normal(sizes[1])
    found = compute_spread_ratio(values, others, level=0.9875)
    assert found is not None
    ratio = np.var(values, ddof=1) / np.var(others, ddof=1)
    f = scipy.stats.f(sizes[0] - 1, sizes[1] - 1)
    assert found.ratio == pytest.approx(math.sqrt(ratio))
    expected = [math.sqrt(ratio / f.ppf(p)) for p in (1 - 0.00625, 0.00625)]
    assert list(found.interval) == pytest.approx(expected)


def test_interval_covers_the_true_ratio() -> None:
    random = np.random.default_rng(0)
    count = 4000
    covered = 0
    for values, others in zip(
        3.9 * random.standard_normal((count, 5)), random.standard_normal((count, 5)), strict=True
    ):
        found = compute_spread_ratio(values, others)
        assert found is not None
        covered += found.interval[0] < 3.9 < found.interval[1]
    assert covered / count == pytest.approx(0.95, abs=0.012)


def test_samples_of_clearly_different_spread_are_different() -> None:
    narrow = [0.700, 0.701, 0.699, 0.702, 0.700]
    wide = [0.60, 0.80, 0.70, 0.65, 0.75]
    found = compute_spread_ratio(wide, narrow)
    other = compute_spread_ratio(narrow, narrow)
    assert found is not None
    assert other is not None
    assert found.is_different
    assert not other.is_different


def test_samples_without_spread_have_no_ratio() -> None:
    assert compute_spread_ratio([0.7] * 3, [0.7, 0.8, 0.9]) is None
    assert compute_spread_ratio([0.7, 0.8, 0.9], [0.7] * 3) is None
