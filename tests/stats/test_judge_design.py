"""Sequential judgments: what a design fixes, the runs that come next, and tables that do not fit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.stats import judge, make_judge_design, plan_looks, run_sequential_test

NONE = [70.11, 70.42, 69.93, 70.24, 70.35, 69.86, 70.07, 70.28]
CBAM = [75.21, 75.62, 75.13, 75.34, 75.45, 75.26, 75.57, 75.18]
BAM = [70.91, 70.02, 70.63, 69.74, 70.85, 70.36, 69.97, 71.08]


def make_table(*, first: int = 0, outcome: str = "accuracy", **runs: list[float]) -> dict[str, Any]:
    return {
        "variant": [name for name, values in runs.items() for _ in values],
        "seed": [first + seed for values in runs.values() for seed in range(len(values))],
        outcome: [value for values in runs.values() for value in values],
    }


def begin(**options: Any) -> Any:
    table = make_table(none=NONE[:1], cbam=CBAM[:1], bam=BAM[:1])
    return make_judge_design(table, **{"max_seeds": 8, "margin": 0.5, **options})


def test_design_has_the_looks_of_a_study() -> None:
    design = begin(test_images=10_000, chance=0.1)
    assert design.looks == plan_looks(8, comparisons=2)
    assert design.alpha == pytest.approx(0.05)
    assert (design.baseline, design.variants, design.outcome) == (
        "none",
        ("cbam", "bam"),
        "accuracy",
    )
    assert design.seeds == tuple(range(8))


def test_a_loop_over_the_next_runs_ends_with_the_verdicts_of_one_comparison_at_its_looks() -> None:
    """The loop trains only what is named; an oracle looks at all values of each pair at once."""
    values = {"none": NONE, "cbam": CBAM, "bam": BAM}
    design, seeds = begin(), {name: [0] for name in values}
    for _ in range(10):
        table: dict[str, Any] = {"variant": [], "seed": [], "accuracy": []}
        for name, each in seeds.items():
            for seed in each:
                table["variant"].append(name)
                table["seed"].append(seed)
                table["accuracy"].append(values[name][seed])
        (part,) = judge(table, design=design).parts
        if not part.next_runs:
            break
        for name, more in part.next_runs.items():
            seeds[name] += more
    for comparison in part.comparisons:
        oracle = run_sequential_test(
            (np.array(values[comparison.variant]) / 100).tolist(),
            (np.array(NONE) / 100).tolist(),
            design=plan_looks(8, comparisons=2),
            margin=0.005,
        )
        assert comparison.verdict == oracle.verdict
        assert comparison.sequential is not None
        assert [each.seeds for each in comparison.sequential.looks] == [
            each.seeds for each in oracle.looks
        ]
        assert comparison.interval == pytest.approx(oracle.looks[-1].interval, abs=1e-12)
    assert part.comparisons[0].verdict == "better"
    assert len(seeds["cbam"]) == 4 < len(seeds["bam"]) == len(seeds["none"])


def test_first_seed_and_number_of_runs_are_those_of_the_table() -> None:
    table = make_table(first=100, none=NONE[:2], cbam=CBAM[:1])
    design = make_judge_design(table, max_seeds=6)
    assert design.seeds == tuple(range(100, 106))
    (part,) = judge(table, design=design).parts
    assert part.next_runs == {"none": (102, 103), "cbam": (101, 102, 103)}


def test_a_wide_table_and_a_loss_of_which_less_is_better() -> None:
    table = {"adam": [2.31], "sgd": [2.11]}
    design = make_judge_design(table, max_seeds=4, baseline="adam", lower_is_better=True)
    table = {"adam": [2.31, 2.35, 2.33, 2.30], "sgd": [1.11, 1.15, 1.14, 1.09]}
    judgment = judge(table, design=design)
    assert judgment.comparisons[0].verdict == "better"
    assert judgment.parts[0].next_runs == {}


def test_data_sets_share_the_error_rate_and_have_looks_of_their_own() -> None:
    runs = make_table(none=NONE[:1], cbam=CBAM[:1])
    table = {name: column * 2 for name, column in runs.items()} | {"set": ["a", "a", "b", "b"]}
    design = make_judge_design(table, max_seeds=6, data_column="set")
    assert design.looks == plan_looks(6, comparisons=2)
    first, second = judge(table, design=design).parts
    assert first.next_runs == second.next_runs == {"none": (1, 2, 3), "cbam": (1, 2, 3)}
    only_a = {name: column[:2] for name, column in table.items()}
    _, empty = judge(only_a, design=design).parts
    assert empty.next_runs == {"none": (0, 1, 2, 3), "cbam": (0, 1, 2, 3)}


def test_a_design_after_the_first_look_is_refused() -> None:
    table = make_table(none=NONE[:5], cbam=CBAM[:5])
    with pytest.raises(UsageError, match="before its first look, at 4 seeds"):
        make_judge_design(table, max_seeds=8)
    table = make_table(none=NONE[:4], cbam=CBAM[:4])
    assert make_judge_design(table, max_seeds=8).looks.looks[0] == 4
    with pytest.raises(UsageError, match="A design needs a run of each variant"):
        make_judge_design(make_table(none=NONE[:4]), max_seeds=8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: {**runs, "bam": BAM[:6]}, "beyond its look at 5 seeds: seed 5"),
        (lambda runs: {**runs, "cbam": CBAM[:6]}, "'cbam' has runs beyond its look at 4 seeds"),
        (lambda runs: {**runs, "none": NONE[:8]}, "'none' has runs beyond its look at 5 seeds"),
        (lambda runs: {**runs, "se": BAM[:4]}, "no variant 'se'"),
        (lambda runs: {**runs, "outcome": "top5_accuracy"}, "Found 'top5_accuracy'"),
        (lambda runs: {**runs, "first": 5}, "Found 'none' with seed 8"),
        (
            lambda runs: {name: [value / 100 for value in each] for name, each in runs.items()},
            "Found fractions of 1",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    change: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    runs: dict[str, Any] = {"none": NONE[:4], "cbam": CBAM[:4], "bam": BAM[:4]}
    design = begin()
    (part,) = judge(make_table(**runs), design=design).parts
    assert part.next_runs == {"none": (4,), "bam": (4,)}
    with pytest.raises(UsageError, match=message):
        judge(make_table(**change(runs)), design=design)


def test_one_seed_for_all_runs_is_refused() -> None:
    table = make_table(none=NONE[:2], cbam=CBAM[:2], bam=BAM[:2])
    table["seed"] = [0] * 6
    with pytest.raises(UsageError, match="All runs have one seed"):
        judge(table, design=begin())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.3}, "with --margin 0.5. Found --margin 0.3"),
        ({"baseline": "cbam"}, "with --baseline none"),
        ({"lower_is_better": True}, "with no --lower-is-better. Found --lower-is-better"),
        ({"test_images": 100}, "with no --test-images"),
        ({"value_column": "seed"}, "The outcome of the design is 'accuracy'"),
        ({"data_column": "seed"}, "no data set '0'"),
    ],
)
def test_options_that_differ_from_the_design_are_refused(
    options: dict[str, Any], message: str
) -> None:
    table = make_table(none=NONE[:1], cbam=CBAM[:1], bam=BAM[:1])
    with pytest.raises(UsageError, match=message):
        judge(table, design=begin(), **options)
    judge(table, design=begin(), margin=0.5, baseline="none", value_column="accuracy")
