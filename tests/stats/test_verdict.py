"""The rule and its four verdicts, row by row, and the clauses of their reasons."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats

from foveal import stats
from foveal.errors import UsageError
from foveal.stats.decision import choose_verdict

RESNET18 = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637], [0.7620, 0.7655, 0.7623, 0.7626, 0.7616]
MOBILENET = [0.7303, 0.7292, 0.7308, 0.7289, 0.7283], [0.7565, 0.7511, 0.7507, 0.7498, 0.7534]


def test_published_resnet18() -> None:
    none, cbam = RESNET18
    found = stats.compare_accuracies(cbam, none, margin=0.003)
    assert 100 * found.difference == pytest.approx(0.064, abs=1e-9)
    assert np.round(100 * np.array(found.interval), 3).tolist() == [-0.213, 0.341]
    assert stats.run_welch_test(cbam, none).p_value == pytest.approx(0.604, abs=5e-4)
    assert found.verdict == "equivalent"
    assert stats.compare_accuracies(cbam, none, margin=0.002).verdict == "undecided"


def test_published_mobilenet() -> None:
    none, cbam = MOBILENET
    found = stats.compare_accuracies(cbam, none)
    assert 100 * found.difference == pytest.approx(2.28, abs=1e-9)
    assert np.round(100 * np.array(found.interval), 3).tolist() == [1.951, 2.609]
    assert found.verdict == "better"
    assert stats.compare_accuracies(none, cbam).verdict == "worse"


MARGIN = 0.005


@pytest.mark.parametrize(
    ("shown", "within", "verdict", "said"),
    [
        ((-0.003, 0.003), (-0.002, 0.002), "equivalent", "any difference is within the margin"),
        ((0.001, 0.0045), (0.0015, 0.004), "equivalent", "a real difference, but smaller than"),
        ((-0.0045, -0.001), (-0.004, -0.0015), "equivalent", "a real difference, but smaller than"),
        ((0.006, 0.02), (0.007, 0.019), "better", "from +0.60 to +2.00 points is above 0"),
        ((0.001, 0.02), (0.002, 0.019), "better", "above 0, but its lower end is under the margin"),
        ((-0.02, -0.006), (-0.019, -0.007), "worse", "from -2.00 to -0.60 points is below 0"),
        (
            (-0.02, -0.001),
            (-0.019, -0.002),
            "worse",
            "below 0, but its upper end is under the margin",
        ),
        ((-0.01, 0.02), (-0.009, 0.019), "undecided", "anywhere from -1.00 to +2.00 points"),
        ((-0.006, 0.004), (-0.005, 0.003), "undecided", "anywhere from -0.60 to +0.40 points"),
    ],
)
def test_every_row_of_the_rule(
    shown: tuple[float, float], within: tuple[float, float], verdict: str, said: str
) -> None:
    word, reason = choose_verdict(shown, within, MARGIN)
    assert word == verdict
    assert said in reason


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_runs_decide_nothing(seeds: int) -> None:
    found = stats.compare_accuracies([0.9, 0.91][:seeds], [0.1, 0.11][:seeds])
    assert found.verdict == "undecided"
    assert math.isnan(found.interval[0])
    assert "per variant" in found.reason


def test_variants_share_the_error_rate() -> None:
    values = {name: [0.7, 0.71, 0.72] for name in ("none", "a", "b", "c", "d")}
    found = stats.compare_variants(values)
    assert [comparison.variant for comparison in found] == ["a", "b", "c", "d"]
    assert all(comparison.level == pytest.approx(1 - 0.05 / 4) for comparison in found)
    expected = stats.run_welch_test(values["a"], values["none"]).compute_interval(1 - 0.05 / 4)
    assert found[0].interval == expected
    assert "3 seeds per variant find a true difference of" in found[0].reason


def test_equal_accuracies_do_not_mean_certainty() -> None:
    """Three runs of 100 % against three of 99 % are one image of 100 apart."""
    found = stats.compare_accuracies([1.0] * 3, [0.99] * 3, test_images=100)
    assert found.verdict == "undecided"
    half_width = scipy.stats.t(2).ppf(0.975) * math.sqrt(2 / 3 / 12) / 100
    assert found.interval == pytest.approx((0.01 - half_width, 0.01 + half_width))
    assert found.seed_sd == pytest.approx(1 / (100 * math.sqrt(12)))
    assert stats.compare_accuracies([1.0] * 3, [0.99] * 3, test_images=10_000).verdict == "better"
    assert stats.compare_accuracies([0.7] * 3, [0.7] * 3, test_images=1000).verdict == "equivalent"


def test_equal_accuracies_without_the_number_of_images_have_no_interval() -> None:
    found = stats.compare_accuracies([1.0] * 3, [0.99] * 3)
    assert found.verdict == "undecided"
    assert math.isnan(found.interval[0])
    assert found.detectable_difference is None
    assert "nothing is known about other seeds" in found.reason


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0])
def test_margin_is_a_fraction(margin: float) -> None:
    with pytest.raises(UsageError, match="Parameter `margin` should be"):
        stats.compare_accuracies([0.7] * 3, [0.7] * 3, margin=margin)


NONE = [0.7, 0.701, 0.699]


def shifted(difference: float, spread: float) -> list[float]:
    return [0.7 + difference, 0.7 + difference + spread, 0.7 + difference - spread]


SMALL = "end is under the margin"
TABLE = [
    ([0.9], [0.1], "undecided", ["one run per variant says nothing about the method"]),
    ([0.9, 0.8], [0.1, 0.2], "undecided", ["two runs per variant are too few for a useful interval"]),
    (shifted(0, 0.001), NONE, "equivalent", ["any difference is within the margin of 0.50 points"]),
    (shifted(0.003, 0.0003), NONE, "equivalent", ["a real difference, but smaller than the margin"]),
    (shifted(-0.003, 0.0003), NONE, "equivalent", ["a real difference, but smaller than the mar"]),
    (shifted(0.02, 0.001), NONE, "better", ["from +1.77 to "]),
    (shifted(0.006, 0.001), NONE, "better", ["from +0.37 to ", SMALL]),
    (shifted(-0.02, 0.001), NONE, "worse", ["to -1.77 points"]),
    (shifted(-0.006, 0.001), NONE, "worse", ["to -0.37 points", SMALL]),
    (shifted(0.003, 0.005), NONE, "undecided", ["anywhere from ", "3 seeds per variant find a true "]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "baseline", "verdict", "said"), TABLE)
def test_every_row_of_the_table(
    values: list[float], baseline: list[float], verdict: str, said: list[str]
) -> None:
    found = stats.compare_accuracies(values, baseline)
    assert found.verdict == verdict
    assert [part for part in said if part not in found.reason] == []
    assert (SMALL in found.reason) == (SMALL in said)


def test_undecided_names_the_difference_that_the_design_shows() -> None:
    found = stats.compare_accuracies(shifted(0.003, 0.005), NONE, comparisons=2)
    sd = math.sqrt((0.005**2 + 0.001**2) / 2)
    assert found.seed_sd == pytest.approx(sd)
    assert found.detectable_difference is not None
    power = stats.compute_power(found.detectable_difference, sd=sd, seeds=3, alpha=0.025)
    assert power == pytest.approx(0.8, abs=1e-6)
    points = f"{100 * found.detectable_difference:.2f} points"
    assert found.reason.endswith(
        f"; 3 seeds per variant find a true difference of {points} with 80 % power"
    )


def test_seeds_needed_show_a_difference_as_large_as_the_margin() -> None:
    found = stats.compare_accuracies(shifted(0.003, 0.005), NONE, comparisons=2)
    assert found.seeds_needed is not None
    assert found.seed_sd is not None
    powers = [
        stats.compute_power(MARGIN, sd=found.seed_sd, seeds=found.seeds_needed - k, alpha=0.025)
        for k in (0, 1)
    ]
    assert powers[0] >= 0.8 > powers[1]
    assert found.seeds_needed_interval is not None
    low, high = found.seeds_needed_interval
    assert low < found.seeds_needed < high
    assert str(found.seeds_needed) not in found.reason


@pytest.mark.parametrize("runs", [1, 2])
def test_too_few_runs_have_no_number_that_claims_something(runs: int) -> None:
    found = stats.compare_accuracies([0.9, 0.91][:runs], [0.1, 0.11][:runs])
    assert all(math.isnan(end) for end in found.interval + found.equivalence_interval)
    assert (found.detectable_difference, found.seeds_needed) == (None, None)
    assert not any(character.isdigit() for character in found.reason)


def test_only_the_first_seeds_that_both_have_count() -> None:
    """Few runs against many would be wrong in 12.7 % of studies without a difference."""
    many = [0.7, 0.701, 0.699, *np.linspace(0.6, 0.69, 17)]
    for few_first in (True, False):
        arms = (shifted(0.02, 0.001), many) if few_first else (many, shifted(0.02, 0.001))
        found = stats.compare_accuracies(*arms)
        plain = stats.compare_accuracies(*(arm[:3] for arm in arms))
        assert (found.interval, found.verdict, found.seeds) == (plain.interval, plain.verdict, 3)
        name = "baseline" if few_first else "variant"
        clause = f"only the 3 seeds that both have count: 17 runs of {name} are left out"
        assert found.reason == f"{plain.reason}; {clause}"
        assert found.omitted_runs + found.omitted_reference_runs == 17


def test_runs_are_matched_by_seed() -> None:
    accuracies = {"none": [0.70, 0.71, 0.72, 0.9], "cbam": [0.2, 0.80, 0.81, 0.82]}
    (found,) = stats.compare_variants(
        accuracies, seeds={"none": [0, 1, 2, 3], "cbam": [7, 0, 1, 2]}, planned_seeds=3
    )
    (plain,) = stats.compare_variants({"none": [0.70, 0.71, 0.72], "cbam": [0.80, 0.81, 0.82]})
    assert (found.interval, found.mean) == (plain.interval, plain.mean)
    clause = "; only the 3 seeds that both have count: 1 run of cbam and 1 run of none are left out"
    assert found.reason == plain.reason + clause
    assert not found.exceeds_planned_seeds


def test_correctness_is_matched_by_seed() -> None:
    arms = {"none": drawn(0, 4), "cbam": drawn(1, 3)}
    seeds = {"none": [0, 1, 2, 3], "cbam": [1, 2, 3]}
    accuracies = {name: list(arm.mean(axis=1)) for name, arm in arms.items()}
    (found,) = stats.compare_variants(accuracies, seeds=seeds, correctness=arms)
    assert found.variance_split == stats.split_variance(arms["cbam"], arms["none"][1:])


def test_variants_without_a_common_seed_are_not_compared() -> None:
    accuracies = {"none": [0.7], "cbam": [0.8], "bam": [0.9]}
    (found,) = stats.compare_variants(accuracies, seeds={"none": [0], "cbam": [1], "bam": [0]})
    assert (found.variant, found.level) == ("bam", 1 - 0.05 / 2)


def test_few_runs_in_one_variant_only() -> None:
    found = stats.compare_accuracies([0.9], NONE, planned_seeds=1)
    assert found.reason == (
        "one run per variant says nothing about the method; "
        "only the seed that both have counts: 2 runs of baseline are left out"
    )
    found = stats.compare_accuracies(NONE, [0.9, 0.8])
    assert found.reason.startswith("two runs per variant are too few")
    assert found.reason.endswith(
        "; only the 2 seeds that both have count: 1 run of variant is left out"
    )


def test_contrasts_compare_a_variant_with_its_control() -> None:
    """The variant is better than the baseline and its control undecided: this does not compare the two."""
    accuracies = {
        "none": [0.700, 0.702, 0.698],
        "cbam": [0.720, 0.722, 0.718],
        "same-time": [0.710, 0.725, 0.695],
    }
    found = stats.compare_variants(accuracies, contrasts=[("cbam", "same-time")])
    assert [(c.variant, c.reference, c.verdict) for c in found] == [
        ("cbam", "none", "better"),
        ("same-time", "none", "undecided"),
        ("cbam", "same-time", "undecided"),
    ]
    assert all(c.level == pytest.approx(1 - 0.05 / 3) for c in found)
    expected = stats.run_welch_test(accuracies["cbam"], accuracies["same-time"])
    assert found[2].interval == expected.compute_interval(found[2].level)
    assert found[2].difference == pytest.approx(0.01)


def test_contrasts_do_not_need_the_baseline() -> None:
    accuracies = {"none": [], "cbam": [0.8, 0.81, 0.82], "se": [0.7, 0.71, 0.72]}
    (found,) = stats.compare_variants(accuracies, contrasts=[("cbam", "se")])
    assert found.reference == "se"
    assert found.level == pytest.approx(1 - 0.05 / 3)


@pytest.mark.parametrize("arms", [([], NONE), (NONE, [])])
def test_no_run_is_refused(arms: tuple[list[float], list[float]]) -> None:
    with pytest.raises(UsageError, match="at least one run each"):
        stats.compare_accuracies(*arms)


BoolArray = npt.NDArray[np.bool_]


def discordant(only_variant: int, only_baseline: int) -> tuple[BoolArray, BoolArray]:
    """Return correctness (1, 200) of two networks with so many images that only one gets right."""
    correct, baseline_correct = np.ones((2, 1, 200), dtype=bool)
    baseline_correct[0, :only_variant] = False
    correct[0, 199 - only_baseline : 199] = False
    return correct, baseline_correct


def one_run(only_variant: int, only_baseline: int, comparisons: int = 1) -> stats.Comparison:
    correct, baseline_correct = discordant(only_variant, only_baseline)
    values, baseline = list(correct.mean(axis=1)), list(baseline_correct.mean(axis=1))
    return stats.compare_accuracies(
        values, baseline, comparisons=comparisons, correct=correct, baseline_correct=baseline_correct
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "comparisons", "p", "ending"),
    [
        ((41, 30), 1, "p = 0.24", "cannot be told apart"),
        ((41, 22), 1, "p = 0.023", "differ"),
        ((41, 22), 4, "p = 0.023", "cannot be told apart"),
        ((0, 60), 4, "p < 0.001", "differ"),
        ((0, 0), 1, "p = 1", "cannot be told apart"),
    ],
)
def test_one_run_says_whether_two_networks_differ(
    counts: tuple[int, int], comparisons: int, p: str, ending: str
) -> None:
    found = one_run(*counts, comparisons=comparisons)
    assert found.reason == (
        "one run per variant says nothing about the method; McNemar's test on the shared images: "
        f"{counts[0]} classified correctly only by variant, {counts[1]} only by baseline, {p}, "
        f"so these two networks {ending}"
    )
    assert found.verdict == "undecided"
    assert found.mcnemar == stats.run_mcnemar_test(*(arm[0] for arm in discordant(*counts)))
    assert found.variance_split is None


def drawn(seed: int, runs: int, images: int = 500) -> BoolArray:
    return np.random.default_rng(seed).random((runs, images)) < 0.8


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_test_set_uncertainty_does_not_change_the_verdict(runs: int) -> None:
    correct, baseline_correct = drawn(0, runs), drawn(1, runs)
    values, baseline = list(correct.mean(axis=1)), list(baseline_correct.mean(axis=1))
    plain = stats.compare_accuracies(values, baseline)
    found = stats.compare_accuracies(
        values, baseline, correct=correct, baseline_correct=baseline_correct
    )
    assert (found.verdict, found.reason, found.level) == (plain.verdict, plain.reason, plain.level)
    assert found.mcnemar is None
    assert found.variance_split == stats.split_variance(correct, baseline_correct)


def test_correctness_of_other_runs_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`correct` should be of shape \(3, images\)"):
        stats.compare_accuracies(NONE, NONE, correct=drawn(0, 2), baseline_correct=drawn(1, 3))
    with pytest.raises(UsageError, match=r"`baseline_correct` should be of shape \(3, images\)"):
        stats.compare_accuracies(NONE, NONE, correct=drawn(0, 3), baseline_correct=drawn(1, 4))


def test_variants_have_their_own_correctness() -> None:
    arms = {name: drawn(place, 3) for place, name in enumerate(("none", "a", "b", "c"))}
    accuracies = {name: list(arm.mean(axis=1)) for name, arm in arms.items()}
    known = {name: arms[name] for name in ("none", "b", "c")}
    a, b, c = stats.compare_variants(accuracies, correctness=known)
    assert a.variance_split is None
    assert b.variance_split == stats.split_variance(arms["b"], arms["none"])
    assert c.variance_split == stats.split_variance(arms["c"], arms["none"])
    alone = {name: accuracies[name] for name in ("none", "c")}
    (same,) = stats.compare_variants(alone, correctness=known, comparisons=3)
    assert same == c


def test_a_comparison_needs_others_to_share_with() -> None:
    with pytest.raises(UsageError, match="Parameter `comparisons` should be at least 1"):
        stats.compare_accuracies(NONE, NONE, comparisons=0)


@pytest.mark.parametrize(("planned", "again"), [(None, False), (3, True), (5, False), (6, False)])
def test_more_seeds_than_planned_are_said(planned: int | None, again: bool) -> None:
    none, cbam = RESNET18
    plain = stats.compare_accuracies(cbam, none)
    (found,) = stats.compare_variants({"none": none, "cbam": cbam}, planned_seeds=planned)
    assert found.exceeds_planned_seeds == again
    assert found.planned_seeds == planned
    assert (found.verdict, found.interval) == (plain.verdict, plain.interval)
    clause = (
        "; planned for 3 seeds and evaluated at 5: adding seeds until a difference shows raises the rate of "
        "false positives from 5 % to as much as 21 % if the result is checked after each seed from 3 to 20"
    )
    assert found.reason == plain.reason + clause * again
