"""Exact power of Welch's test, and the number of seeds against a published design table."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from foveal import stats
from foveal.errors import UsageError

# Difference in standard deviations and power in percent, simulated by an independent audit.
AUDIT = [
    (3, 0.05, 3.07, 69.5),
    (3, 0.0125, 4.52, 60.0),
    (3, 0.0125, 5.81, 80.0),
    (4, 0.0125, 3.22, 70.8),
    (5, 0.0125, 2.64, 75.0),
    (10, 0.0125, 1.64, 79.3),
    (5, 0.05, 2.09, 80.0),
]


@pytest.mark.parametrize(("seeds", "alpha", "difference", "percent"), AUDIT)
def test_power_is_that_of_the_audit(
    seeds: int, alpha: float, difference: float, percent: float
) -> None:
    power = stats.compute_power(difference, sd=1.0, seeds=seeds, alpha=alpha)
    assert 100 * power == pytest.approx(percent, abs=0.25)


@pytest.mark.parametrize(("seeds", "difference"), [(2, 8.0), (3, 4.0), (6, 1.5)])
def test_power_is_that_of_simulated_tests(seeds: int, difference: float) -> None:
    """Judge simulated samples by the test itself."""
    random = np.random.default_rng(seeds)
    count = 4000
    values = random.standard_normal((count, seeds)) + difference
    others = random.standard_normal((count, seeds))
    p_values = [stats.run_welch_test(*pair).p_value for pair in zip(values, others, strict=True)]
    share = np.mean(np.array(p_values) < 0.05)
    expected = stats.compute_power(difference, sd=1.0, seeds=seeds)
    assert share == pytest.approx(expected, abs=3.5 * math.sqrt(0.25 / count))


@pytest.mark.parametrize("effect", [0.01, 0.05, 0.1])
def test_power_of_many_seeds_is_that_of_the_pooled_test(effect: float) -> None:
    expected = TTestIndPower().power(effect, 3000, 0.05)
    assert stats.compute_power(effect, sd=1.0, seeds=3000) == pytest.approx(expected, abs=1e-4)


def test_power_far_out_is_a_number() -> None:
    assert stats.compute_power(50.0, sd=0.1, seeds=200) == 1.0


def test_power_without_a_difference_is_just_below_the_level() -> None:
    """Welch's test is conservative at equal standard deviations."""
    assert 0.009 < stats.compute_power(0.0, sd=0.3, seeds=5, alpha=0.0125) < 0.0125
    assert stats.compute_power(0.0, sd=0.3, seeds=500) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize(("difference", "expected"), [(1e-9, 1.0), (-0.1, 1.0), (0.0, 0.05)])
def test_power_without_spread(difference: float, expected: float) -> None:
    assert stats.compute_power(difference, sd=0.0, seeds=3) == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seeds", (0.1, 0.1, 1)),
        ("sd", (0.1, -0.1, 3)),
        ("sd", (0.1, math.nan, 3)),
        ("difference", (math.nan, 0.1, 3)),
    ],
)
def test_values_without_power_are_refused(name: str, values: tuple[float, float, int]) -> None:
    difference, sd, seeds = values
    with pytest.raises(UsageError, match=f"Parameter `{name}` should be"):
        stats.compute_power(difference, sd=sd, seeds=seeds)


# Seeds per variant for power 0.8 and 0.9 by difference, as the design table gives them.
DIFFERENCES = (0.2, 0.3, 0.5, 1.0)
DESIGN = {
    (0.15, 0.05): ((10, 13), (6, 7), (3, 4), (3, 3)),
    (0.15, 0.0125): ((15, 18), (8, 9), (4, 5), (3, 3)),
    (0.25, 0.05): ((26, 34), (12, 16), (6, 7), (3, 3)),
    (0.25, 0.0125): ((37, 47), (18, 22), (8, 9), (4, 4)),
    (0.30, 0.05): ((37, 49), (17, 23), (7, 9), (3, 4)),
    (0.50, 0.05): ((100, 133), (45, 60), (17, 23), (6, 7)),
    (0.50, 0.0125): ((141, 181), (64, 81), (24, 31), (8, 9)),
}
CELLS = [
    (sd, alpha, difference, *cell)
    for (sd, alpha), row in DESIGN.items()
    for difference, cell in zip(DIFFERENCES, row, strict=True)
]


@pytest.mark.parametrize(("sd", "alpha", "difference", "at_80", "at_90"), CELLS)
def test_seeds_needed(sd: float, alpha: float, difference: float, at_80: int, at_90: int) -> None:
    assert abs(stats.compute_seeds_needed(difference, sd=sd, alpha=alpha) - at_80) <= 1
    assert (
        abs(stats.compute_seeds_needed(difference, sd=sd, alpha=alpha, target_power=0.9) - at_90)
        <= 1
    )


def test_seeds_needed_end_at_a_hundred_thousand() -> None:
    assert stats.compute_seeds_needed(1e-6, sd=0.5) == 100_000


def test_seeds_needed_are_a_range() -> None:
    """The standard deviation of three seeds is known within 0.65 to 2.37 times the estimate."""
    options = {"sd": 1.5, "alpha": 0.0125}
    assert stats.compute_seeds_needed(0.5, **options) == 203
    low, high = stats.compute_seeds_needed_interval(0.5, seeds=3, **options)
    assert [low, high] == pytest.approx([86, 1131], abs=1)
    ratios = [end**2 for end in stats.compute_sd_interval(1.0, degrees_of_freedom=4)]
    assert ratios == pytest.approx([0.42, 5.6], rel=0.01)


def test_estimates_of_seeds_needed_spread_as_the_audit_says() -> None:
    """From three seeds, 90 % of the estimates of a true 24 are between 6 and 55."""
    assert stats.compute_seeds_needed(0.5, sd=0.5, alpha=0.0125) == 24
    variances = 0.25 * np.random.default_rng(0).chisquare(4, 100_000) / 4
    quantiles = np.sqrt(np.quantile(variances, [0.05, 0.95]))
    found = [stats.compute_seeds_needed(0.5, sd=sd, alpha=0.0125) for sd in quantiles]
    assert found == [6, 55]


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_detectable_difference_has_that_power(seeds: int) -> None:
    difference = stats.compute_detectable_difference(sd=0.4, seeds=seeds, alpha=0.0125)
    assert stats.compute_power(difference, sd=0.4, seeds=seeds, alpha=0.0125) == pytest.approx(
        0.8, abs=1e-9
    )
