"""Sequential designs: levels against the reference's table, decisions on given values, simulated outcomes."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import t, ttest_ind

from foveal.errors import UsageError
from foveal.stats import (
    compare_variants,
    compute_chance_of_verdict,
    plan_looks,
    run_sequential_test,
    simulate_sequential_studies,
)
from foveal.stats.sequential_simulation import apply_design

# Nominal levels for looks at 4, 5, 6, 8, 10, 14 and 20 seeds, computed by an independent audit:
# for k comparisons, the two-sided levels of D, then the one-sided ones of E.
LEVELS = {
    1: (
        [0.00447, 0.00360, 0.00418, 0.00713, 0.00952, 0.0180, 0.0326],
        [0.00447, 0.00377, 0.00443, 0.00751, 0.0101, 0.0190, 0.0346],
    ),
    2: (
        [0.00224, 0.00172, 0.00198, 0.00340, 0.00451, 0.00856, 0.0155],
        [0.00224, 0.00180, 0.00209, 0.00356, 0.00476, 0.00899, 0.0163],
    ),
    4: (
        [0.00112, 0.000827, 0.000945, 0.00164, 0.00215, 0.00411, 0.00739],
        [0.00112, 0.000861, 0.000991, 0.00170, 0.00225, 0.00428, 0.00773],
    ),
    8: (
        [0.000559, 0.000399, 0.000453, 0.000789, 0.00103, 0.00198, 0.00356],
        [0.000559, 0.000414, 0.000473, 0.000818, 0.00107, 0.00205, 0.00370],
    ),
}
# For k = 4 at 20 seeds: true difference and margin in standard deviations, then percent equivalent and better,
# and mean seeds, without and with the stop where a verdict is unlikely (None: not in the audit).
OUTCOMES = [
    (0, 2, (99.5, None, 10.2), (99.5, None, 10.2)),
    (0, 1, (46.7, None, 19.5), (41.7, None, 17.3)),
    (0.5, 0.5, (None, 13.9, 19.5), (None, 12.6, 12.1)),
    (1, 0.5, (None, 64.5, 17.2), (None, 60.6, 14.6)),
    (1, 2, (61, 38, 13.7), (61, 38, 13.7)),
    (2, 1e-6, (0, 100, 9.4), (0, 100, 9.4)),
    (4, 1e-6, (0, 100, 5.2), (0, 100, 5.2)),
]


@pytest.mark.parametrize("comparisons", LEVELS)
def test_levels_are_those_of_the_audit(comparisons: int) -> None:
    design = plan_looks(20, comparisons=comparisons)
    assert design.looks == (4, 5, 6, 8, 10, 14, 20)
    for levels, expected in zip(
        (design.difference_levels, design.equivalence_levels), LEVELS[comparisons], strict=True
    ):
        assert [float(f"{level:.3g}") for level in levels] == pytest.approx(expected, rel=1e-9)


def test_looks_end_at_the_maximum() -> None:
    assert plan_looks(4).looks == (4,)
    assert plan_looks(5).looks == (4, 5)
    assert plan_looks(12).looks == (4, 5, 6, 8, 10, 12)
    assert plan_looks(30).looks == (4, 5, 6, 8, 10, 14, 20, 30)
    with pytest.raises(UsageError, match=r"`max_seeds` should be an integer, at least 4"):
        plan_looks(3)


def test_one_look_is_the_fixed_rule() -> None:
    design = plan_looks(4, comparisons=2)
    assert design.difference_levels == pytest.approx([0.025])
    assert design.equivalence_levels == pytest.approx([0.025])


@pytest.mark.parametrize(("difference", "margin", "full", "early"), OUTCOMES)
def test_outcomes_are_those_of_the_audit(
    difference: float,
    margin: float,
    full: tuple[float | None, ...],
    early: tuple[float | None, ...],
) -> None:
    count = 4000
    for expected, stops_when_unlikely in ((full, False), (early, True)):
        design = plan_looks(20, comparisons=4, stops_when_unlikely=stops_when_unlikely)
        outcomes = simulate_sequential_studies(
            design,
            difference=difference,
            margin=margin,
            sd=1.0,
            studies=count,
        )
        for verdict, percent in zip((0, 1), expected[:2], strict=True):
            if percent is not None:
                share = percent / 100
                tolerance = 0.006 + 4 * math.sqrt(share * (1 - share) / count)
                assert outcomes.compute_share(verdict) == pytest.approx(share, abs=tolerance)
        assert outcomes.seeds.mean() == pytest.approx(expected[2], abs=0.4)


@pytest.mark.parametrize("margin", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("stops_when_unlikely", [True, False])
def test_one_comparison_is_decided_like_many(margin: float, stops_when_unlikely: bool) -> None:
    design = plan_looks(14, comparisons=2, stops_when_unlikely=stops_when_unlikely)
    random = np.random.default_rng(3)
    values, baseline = random.normal(0.8, 1.5, (60, 14)), random.normal(0, 1, (60, 14))
    outcomes = apply_design(values, baseline, design=design, margin=margin)
    codes = {"better": 1.0, "worse": -1.0, "equivalent": 0.0, "undecided": math.nan}
    for row, verdict, seeds in zip(range(60), outcomes.verdicts, outcomes.seeds, strict=True):
        result = run_sequential_test(
            values[row].tolist(),
            baseline[row].tolist(),
            design=design,
            margin=margin,
        )
        assert codes[result.verdict] == pytest.approx(verdict, nan_ok=True)
        assert result.looks[-1].seeds == seeds
        assert result.stop in {"verdict", "unlikely", "last look"}


def test_intervals_are_those_of_welch_at_the_levels_of_the_look() -> None:
    design = plan_looks(10, stops_when_unlikely=False)
    random = np.random.default_rng(0)
    values, baseline = random.normal(0.3, 1, 6), random.normal(0, 2, 6)
    result = run_sequential_test(values.tolist(), baseline.tolist(), design=design, margin=0.1)
    assert [look.seeds for look in result.looks] == [4, 5, 6]
    assert (result.stop, result.next_look) == (None, 8)
    for look, p, e in zip(
        result.looks, design.difference_levels, design.equivalence_levels, strict=False
    ):
        test = ttest_ind(values[: look.seeds], baseline[: look.seeds], equal_var=False)
        assert look.interval == pytest.approx(tuple(test.confidence_interval(1 - p)))
        assert look.equivalence_interval == pytest.approx(
            tuple(test.confidence_interval(1 - 2 * e))
        )


def test_a_stop_is_final_whatever_comes_later() -> None:
    design = plan_looks(10)
    values, baseline = [0.80, 0.81, 0.80, 0.82], [0.70, 0.71, 0.70, 0.70]
    early = run_sequential_test(values, baseline, design=design, margin=0.01)
    assert (early.verdict, early.stop, len(early.looks)) == ("better", "verdict", 1)
    later = run_sequential_test(
        [*values, 0.2, 0.1, 0.9], [*baseline, 0.7, 0.7], design=design, margin=0.01
    )
    assert later == early


def test_before_the_first_look_nothing_is_said() -> None:
    result = run_sequential_test([0.9] * 3, [0.1, 0.2, 0.1], design=plan_looks(8), margin=0.01)
    assert (result.verdict, result.looks, result.stop, result.next_look) == (
        "undecided",
        (),
        None,
        4,
    )


def test_values_that_do_not_vary_decide_nothing() -> None:
    result = run_sequential_test([0.9] * 8, [0.1] * 8, design=plan_looks(8), margin=0.01)
    assert (result.verdict, result.stop) == ("undecided", "last look")
    assert math.isnan(result.looks[0].interval[0])


def test_networks_at_guessing_get_no_verdict() -> None:
    values, baseline = [0.13, 0.14, 0.13, 0.12, 0.13], [0.09, 0.08, 0.09, 0.1, 0.09]
    design = plan_looks(10)
    result = run_sequential_test(
        values, baseline, design=design, margin=0.01, has_learned=lambda _: False
    )
    assert (result.verdict, result.stop, len(result.looks)) == ("undecided", "unlikely", 2)
    assert run_sequential_test(values, baseline, design=design, margin=0.01).verdict == "better"


def test_chance_of_a_verdict_is_that_of_simulated_means() -> None:
    """Draw the difference at 20 seeds, given that at 6, and apply the last intervals at the same deviation."""
    design, random = plan_looks(20), np.random.default_rng(0)
    difference, sd, margin, count = 0.35, 1.0, 1.2, 200_000
    last = random.normal(difference, sd * math.sqrt(2 * (1 / 6 - 1 / 20)), count)
    error = sd * math.sqrt(2 / 20)
    half_width = t.ppf(1 - design.difference_levels[-1] / 2, 38) * error
    inner = margin - t.ppf(1 - design.equivalence_levels[-1], 38) * error
    share = np.mean((np.abs(last) > half_width) | (np.abs(last) < inner))
    chance = compute_chance_of_verdict(difference, sd, design=design, look=2, margin=margin)
    assert float(chance) == pytest.approx(share, abs=4 * math.sqrt(0.25 / count))


def test_margin_is_checked() -> None:
    with pytest.raises(UsageError, match="`margin` should be 0 or more"):
        run_sequential_test([1.0], [1.0], design=plan_looks(4), margin=-1)


def test_variants_are_compared_at_their_looks() -> None:
    """`better` stops at the first look, `other` goes on, and `late` has not reached a look."""
    random = np.random.default_rng(0)
    accuracies = {
        "none": (0.70 + 0.004 * random.standard_normal(7)).tolist(),
        "better": (0.80 + 0.004 * random.standard_normal(7)).tolist(),
        "other": (0.702 + 0.004 * random.standard_normal(6)).tolist(),
        "late": [0.7, 0.71, 0.7],
    }
    design = plan_looks(10, comparisons=3)
    better, other, late = compare_variants(accuracies, margin=0.005, design=design)
    assert (better.seeds, better.verdict, other.seeds, other.verdict) == (
        4,
        "better",
        6,
        "undecided",
    )
    assert better.mean == pytest.approx(np.mean(accuracies["better"][:4]))
    assert better.level == 1 - design.difference_levels[0]
    assert better.reason.endswith("decided after 4 of at most 10 seeds")
    assert other.reason.endswith("after 6 of at most 10 seeds; the next look is at 8")
    assert other.sequential is not None
    assert other.interval == other.sequential.looks[-1].interval
    assert late.reason == "the first look is at 4 seeds"
    assert math.isnan(late.interval[0])


def test_a_missing_seed_ends_what_counts() -> None:
    """Seeds are looked at in order, so later ones wait for one that is missing."""
    accuracies = {"none": [0.1, 0.2, 0.15, 0.12, 0.13, 0.11], "cbam": [0.9, 0.8, 0.85, 0.82, 0.83]}
    seeds = {"none": [0, 1, 2, 3, 4, 5], "cbam": [5, 4, 3, 1, 0]}
    (comparison,) = compare_variants(accuracies, seeds=seeds, design=plan_looks(10))
    assert comparison.seeds == 2
    assert comparison.reason == "the first look is at 4 seeds"


def test_guessing_counts_at_every_look() -> None:
    accuracies = {"none": [0.1, 0.101, 0.099, 0.1, 0.1], "cbam": [0.12, 0.121, 0.119, 0.12, 0.12]}
    options: dict[str, Any] = {"design": plan_looks(10), "test_images": 200}
    (comparison,) = compare_variants(accuracies, guessing_accuracy=0.1, **options)
    assert (comparison.verdict, comparison.seeds) == ("undecided", 5)
    assert comparison.reason.startswith("neither variant is better than guessing")
    assert comparison.reason.endswith("because a verdict had become unlikely")
    (judged,) = compare_variants(accuracies, **options)
    assert (judged.verdict, judged.seeds) == ("better", 4)
