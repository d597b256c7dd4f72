"""Intervals, power and verdicts against scipy and statsmodels, and the published check values."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from foveal import stats
from foveal.errors import UsageError
from foveal.stats.verdict import decide

RESNET18 = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637], [0.7620, 0.7655, 0.7623, 0.7626, 0.7616]
MOBILENET = [0.7303, 0.7292, 0.7308, 0.7289, 0.7283], [0.7565, 0.7511, 0.7507, 0.7498, 0.7534]


@pytest.mark.parametrize("level", [0.9, 0.95, 0.9875])
@pytest.mark.parametrize("sizes", [(3, 3), (5, 8), (20, 4)])
def test_interval_is_that_of_scipy_and_statsmodels(sizes: tuple[int, int], level: float) -> None:
    generator = np.random.default_rng(sum(sizes))
    a, b = generator.normal(0.8, 0.01, sizes[0]), generator.normal(0.79, 0.004, sizes[1])
    found = stats.welch(a, b)
    theirs = scipy_stats.ttest_ind(a, b, equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found.interval(level) == pytest.approx(
        tuple(theirs.confidence_interval(level)), rel=1e-6
    )
    compared = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    expected = compared.tconfint_diff(alpha=1 - level, usevar="unequal")
    assert found.interval(level) == pytest.approx(expected, rel=1e-6)


def test_published_resnet18() -> None:
    none, cbam = RESNET18
    found = stats.compare(cbam, none, margin=0.003)
    assert 100 * found.difference == pytest.approx(0.064, abs=1e-9)
    assert np.round(100 * np.array(found.interval), 3).tolist() == [-0.213, 0.341]
    assert stats.welch(cbam, none).p_value == pytest.approx(0.604, abs=5e-4)
    assert found.verdict == "equivalent"
    assert stats.compare(cbam, none, margin=0.002).verdict == "undecided"


def test_published_mobilenet() -> None:
    none, cbam = MOBILENET
    found = stats.compare(cbam, none)
    assert 100 * found.difference == pytest.approx(2.28, abs=1e-9)
    assert np.round(100 * np.array(found.interval), 3).tolist() == [1.951, 2.609]
    assert found.verdict == "better"
    assert stats.compare(none, cbam).verdict == "worse"


@pytest.mark.parametrize("seeds", [3, 5, 17, 60])
@pytest.mark.parametrize("effect", [0.01, 0.4, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_power_is_that_of_statsmodels(seeds: int, effect: float, alpha: float) -> None:
    expected = TTestIndPower().power(effect, seeds, alpha)
    if math.isnan(
        expected
    ):  # theirs has no guard where the far tail underflows: the power is 1 there
        expected = 1.0
    assert stats.power(effect, sd=1.0, seeds=seeds, alpha=alpha) == pytest.approx(
        expected, abs=1e-6
    )


def test_power_far_out_is_a_number() -> None:
    assert stats.power(50.0, sd=0.1, seeds=200) == 1.0


# Seeds per arm for power 0.8 and, in the second place, 0.9, as the design tables give them.
DESIGN = [
    (0.15, 0.05, 0.2, 10, 13), (0.15, 0.05, 0.3, 6, 7), (0.15, 0.05, 0.5, 3, 4),
    (0.15, 0.0125, 0.2, 15, 18), (0.15, 0.0125, 0.3, 8, 9), (0.15, 0.0125, 0.5, 4, 5),
    (0.25, 0.05, 0.2, 26, 34), (0.25, 0.05, 0.5, 6, 7), (0.25, 0.0125, 0.2, 37, 47),
    (0.30, 0.05, 0.2, 37, 49), (0.30, 0.05, 0.3, 17, 23), (0.50, 0.05, 0.2, 100, 133),
    (0.50, 0.0125, 0.2, 141, 181), (0.50, 0.0125, 1.0, 8, 9),
]  # fmt: skip


@pytest.mark.parametrize(("sd", "alpha", "difference", "at_80", "at_90"), DESIGN)
def test_seeds_needed(sd: float, alpha: float, difference: float, at_80: int, at_90: int) -> None:
    assert abs(stats.seeds_needed(difference, sd=sd, alpha=alpha) - at_80) <= 1
    assert abs(stats.seeds_needed(difference, sd=sd, alpha=alpha, power_wanted=0.9) - at_90) <= 1


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_detectable_difference_has_that_power(seeds: int) -> None:
    difference = stats.detectable_difference(sd=0.4, seeds=seeds, alpha=0.0125)
    assert stats.power(difference, sd=0.4, seeds=seeds, alpha=0.0125) == pytest.approx(
        0.8, abs=1e-9
    )


MARGIN = 0.005


@pytest.mark.parametrize(
    ("shown", "within", "verdict", "said"),
    [
        ((-0.003, 0.003), (-0.002, 0.002), "equivalent", "any difference is within the margin"),
        ((0.001, 0.0045), (0.0015, 0.004), "equivalent", "a real difference, but smaller than"),
        ((-0.0045, -0.001), (-0.004, -0.0015), "equivalent", "a real difference, but smaller than"),
        ((0.006, 0.02), (0.007, 0.019), "better", "by at least 0.60 points"),
        ((0.001, 0.02), (0.002, 0.019), "better", "0.10 points, which is under the margin"),
        ((-0.02, -0.006), (-0.019, -0.007), "worse", "by at least 0.60 points"),
        ((-0.02, -0.001), (-0.019, -0.002), "worse", "0.10 points, which is under the margin"),
        ((-0.01, 0.02), (-0.009, 0.019), "undecided", "anywhere from -1.00 to +2.00 points"),
        ((-0.006, 0.004), (-0.005, 0.003), "undecided", "anywhere from -0.60 to +0.40 points"),
    ],
)
def test_every_row_of_the_rule(
    shown: tuple[float, float], within: tuple[float, float], verdict: str, said: str
) -> None:
    word, reason = decide(shown, within, MARGIN)
    assert word == verdict
    assert said in reason


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_runs_decide_nothing(seeds: int) -> None:
    found = stats.compare([0.9, 0.91][:seeds], [0.1, 0.11][:seeds])
    assert found.verdict == "undecided"
    assert math.isnan(found.interval[0])
    assert "per arm" in found.reason


def test_variants_share_the_error_rate() -> None:
    values = {name: [0.7, 0.71, 0.72] for name in ("none", "a", "b", "c", "d")}
    found = stats.compare_variants(values)
    assert [comparison.variant for comparison in found] == ["a", "b", "c", "d"]
    assert all(comparison.level == pytest.approx(1 - 0.05 / 4) for comparison in found)
    expected = stats.welch(values["a"], values["none"]).interval(1 - 0.05 / 4)
    assert found[0].interval == expected
    assert "seeds per arm can show no difference under" in found[0].reason


def test_runs_without_any_spread() -> None:
    assert stats.compare([0.7] * 3, [0.7] * 3).verdict == "equivalent"
    assert stats.compare([0.8] * 3, [0.7] * 3).verdict == "better"


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0])
def test_margin_is_a_fraction(margin: float) -> None:
    with pytest.raises(UsageError, match="Parameter `margin` should be"):
        stats.compare([0.7] * 3, [0.7] * 3, margin=margin)
