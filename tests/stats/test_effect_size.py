"""Sizes of differences against written-out formulas, scipy and simulated truth."""

import math

import numpy as np
import pytest
import scipy.stats

from foveal.stats import (
    compute_difference_over_sd,
    compute_removed_errors,
    compute_simultaneous_intervals,
    compute_win_chance,
    run_welch_test,
)

VALUES = [0.75, 0.72, 0.74, 0.78, 0.71]
BASELINE = [0.70, 0.71, 0.69, 0.72, 0.73]


def test_difference_is_in_standard_deviations_of_the_baseline_alone() -> None:
    expected = (0.74 - 0.71) / math.sqrt((0.01**2 + 0.02**2 + 0.01**2 + 0.02**2) / 4)
    assert compute_difference_over_sd(VALUES, BASELINE) == pytest.approx(expected)
    spread = 0.74 + 5 * (np.array(VALUES) - 0.74)  # more variation of the variant changes nothing
    assert compute_difference_over_sd(spread, BASELINE) == pytest.approx(expected)


@pytest.mark.parametrize("baseline", [[0.7], [0.7, 0.7, 0.7]])
def test_no_difference_in_standard_deviations_without_one(baseline: list[float]) -> None:
    assert compute_difference_over_sd(VALUES, baseline) is None


def test_removed_errors_have_the_sign_of_the_interval() -> None:
    removed = compute_removed_errors(0.03, (0.003, 0.057), baseline_accuracy=0.7)
    assert removed is not None
    assert removed.share == pytest.approx(0.1)  # 3 of 30 errors in 100
    assert removed.interval == pytest.approx((0.01, 0.19))
    assert compute_removed_errors(0.0, (0.0, 0.0), baseline_accuracy=1.0) is None


def test_win_chance_is_u_of_mann_and_whitney() -> None:
    values = [0.70, 0.72, 0.72, 0.75]  # with ties
    test = scipy.stats.mannwhitneyu(values, BASELINE)
    assert compute_win_chance(values, BASELINE).chance == pytest.approx(test.statistic / 20)
    swapped = compute_win_chance(BASELINE, values)
    assert swapped.chance == pytest.approx(1 - test.statistic / 20)
    low, high = compute_win_chance(VALUES, BASELINE).interval
    assert compute_win_chance(BASELINE, VALUES).interval == pytest.approx((1 - high, 1 - low))


def test_ends_of_the_win_chance_solve_the_score_equation() -> None:
    result = compute_win_chance(VALUES, BASELINE, level=0.9)
    quantile = scipy.stats.norm.ppf(0.95)
    for end in result.interval:
        # Hanley and McNeil (1982), with (n + n') / 2 runs in both sums (Newcombe 2006).
        q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)
        variance = (end * (1 - end) + 4 * (q1 - end**2) + 4 * (q2 - end**2)) / 25
        assert abs(result.chance - end) == pytest.approx(quantile * math.sqrt(variance), rel=1e-6)


def test_runs_that_do_not_overlap_leave_doubt() -> None:
    low, high = compute_win_chance([0.8, 0.81, 0.82, 0.83, 0.84], BASELINE).interval
    assert high == 1
    assert 0.6 < low < 0.7
    assert all(math.isnan(end) for end in compute_win_chance(VALUES[1:], BASELINE).interval)


@pytest.mark.parametrize(("distance", "ratio"), [(0.0, 3.0), (1.0, 1.0), (2.0, 3.0)])
def test_win_chance_interval_contains_the_truth(distance: float, ratio: float) -> None:
    generator = np.random.default_rng(5)
    truth = scipy.stats.norm.cdf(distance / math.hypot(1, ratio))
    covered = 0
    for _ in range(300):
        values = generator.normal(distance, ratio, 5)
        low, high = compute_win_chance(values, generator.normal(size=5)).interval
        covered += low <= truth <= high
    assert covered / 300 > 0.9


def test_simultaneous_intervals_are_those_of_scipy_at_a_shared_level() -> None:
    generator = np.random.default_rng(2)
    values, baseline = generator.normal(0.8, 0.1, (5, 3)), generator.normal(0.7, 0.02, (6, 3))
    for column, interval in enumerate(compute_simultaneous_intervals(values, baseline, level=0.9)):
        test = scipy.stats.ttest_ind(values[:, column], baseline[:, column], equal_var=False)
        expected = test.confidence_interval(0.9 ** (1 / 3))
        assert interval == pytest.approx((expected.low, expected.high))


def test_simultaneous_intervals_hold_together() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        values, baseline = generator.normal(size=(2, 5, 10))
        intervals = compute_simultaneous_intervals(values, baseline)
        held += all(low <= 0 <= high for low, high in intervals)
    assert held / 400 > 0.93


def test_interval_is_unknown_where_nothing_is_known() -> None:
    values = [[0.5, math.nan, 1.0]] * 3
    intervals = compute_simultaneous_intervals(values, values)
    assert all(math.isnan(end) for interval in intervals for end in interval)
    rounded = compute_simultaneous_intervals(values, values, test_images=[10, 10, 20])
    column = [value[2] for value in values]
    expected = run_welch_test(column, column, test_images=20).compute_interval(0.95 ** (1 / 3))
    assert rounded[2] == pytest.approx(expected)
    assert math.isnan(compute_simultaneous_intervals(values[:2], values[:2])[0][0])
