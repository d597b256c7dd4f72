"""Power and the number of seeds against statsmodels and the published design table."""

import math

import pytest
from statsmodels.stats.power import TTestIndPower

from foveal import stats
from foveal.errors import UsageError


@pytest.mark.parametrize("seeds", [3, 5, 17, 60])
@pytest.mark.parametrize("effect", [0.01, 0.4, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_power_is_that_of_statsmodels(seeds: int, effect: float, alpha: float) -> None:
    expected = TTestIndPower().power(effect, seeds, alpha)
    if math.isnan(
        expected
    ):  # theirs has no guard where the far tail underflows: the power is 1 there
        expected = 1.0
    assert stats.compute_power(effect, sd=1.0, seeds=seeds, alpha=alpha) == pytest.approx(
        expected, abs=1e-6
    )


def test_power_far_out_is_a_number() -> None:
    assert stats.compute_power(50.0, sd=0.1, seeds=200) == 1.0


def test_power_without_a_difference_is_the_level() -> None:
    assert stats.compute_power(0.0, sd=0.3, seeds=5, alpha=0.0125) == pytest.approx(
        0.0125, abs=1e-9
    )


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
def test_what_has_no_power_is_refused(name: str, values: tuple[float, float, int]) -> None:
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


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_detectable_difference_has_that_power(seeds: int) -> None:
    difference = stats.compute_detectable_difference(sd=0.4, seeds=seeds, alpha=0.0125)
    assert stats.compute_power(difference, sd=0.4, seeds=seeds, alpha=0.0125) == pytest.approx(
        0.8, abs=1e-9
    )
