"""Welch's interval and p-value against scipy and statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from foveal import stats


@pytest.mark.parametrize("level", [0.9, 0.95, 0.9875])
@pytest.mark.parametrize("sizes", [(3, 3), (5, 8), (20, 4)])
def test_interval_is_that_of_scipy_and_statsmodels(sizes: tuple[int, int], level: float) -> None:
    generator = np.random.default_rng(sum(sizes))
    a, b = generator.normal(0.8, 0.01, sizes[0]), generator.normal(0.79, 0.004, sizes[1])
    found = stats.run_welch_test(a, b)
    theirs = scipy_stats.ttest_ind(a, b, equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found.compute_interval(level) == pytest.approx(
        tuple(theirs.confidence_interval(level)), rel=1e-6
    )
    compared = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    expected = compared.tconfint_diff(alpha=1 - level, usevar="unequal")
    assert found.compute_interval(level) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("apart", "p_value"), [(0.0, 1.0), (0.5, 0.0)])
def test_without_spread_the_interval_is_a_point(apart: float, p_value: float) -> None:
    found = stats.run_welch_test([0.25 + apart] * 3, [0.25] * 4)
    assert found.compute_interval(0.95) == (apart, apart)
    assert found.p_value == p_value


@pytest.mark.parametrize(("sizes", "images"), [((3, 3), 100), ((4, 7), 36)])
def test_equal_accuracies_have_the_standard_error_of_rounding(
    sizes: tuple[int, int], images: int
) -> None:
    n, other = sizes
    found = stats.run_welch_test([1.0] * n, [0.99] * other, test_images=images)
    assert found.standard_error**2 == pytest.approx((1 / n + 1 / other) / (12 * images**2))
    assert found.degrees_of_freedom == min(sizes) - 1


def test_rounding_is_a_lower_bound_only() -> None:
    values, others = [0.80, 0.82, 0.81], [0.70, 0.75, 0.71]
    assert stats.run_welch_test(values, others, test_images=1000) == stats.run_welch_test(
        values, others
    )
    # One image of 50 more in one run: less than rounding explains.
    values, others = [0.80] * 20, [0.80] * 19 + [0.82]
    found = stats.run_welch_test(values, others, test_images=50)
    assert found.standard_error == pytest.approx(math.sqrt(0.1 / (12 * 50**2)))


def test_one_sample_without_spread_has_the_degrees_of_freedom_of_the_smaller() -> None:
    found = stats.run_welch_test([0.8] * 3, [0.7, 0.71, 0.72, 0.73, 0.74], test_images=1000)
    assert found.degrees_of_freedom == 2
