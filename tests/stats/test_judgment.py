"""Verdicts on tables of runs: the same as those of studies, in any unit and from any kind of table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats as scipy_stats

from foveal.errors import UsageError
from foveal.stats import compare_variants, judge

NONE = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637]
CBAM = [0.7820, 0.7855, 0.7823, 0.7826, 0.7816]
BAM = [0.7640, 0.7599, 0.7630, 0.7611, 0.7644]
ACCURACIES = {"none": NONE, "cbam": CBAM, "bam": BAM}


def make_table(factor: float = 1.0, accuracies: dict[str, list[float]] = ACCURACIES) -> Any:
    return {
        "variant": [name for name, values in accuracies.items() for _ in values],
        "seed": [seed for values in accuracies.values() for seed in range(len(values))],
        "test_acc": [factor * value for values in accuracies.values() for value in values],
    }


@pytest.mark.parametrize("factor", [1.0, 100.0])
def test_verdicts_are_those_of_a_study(factor: float) -> None:
    expected = compare_variants(ACCURACIES, margin=0.005)
    found = judge(make_table(factor), margin=0.005 * factor).comparisons
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.variant, ours.verdict, ours.reason) == (
            theirs.variant,
            theirs.verdict,
            theirs.reason,
        )
        assert ours.interval == pytest.approx(theirs.interval, abs=1e-12)
        assert ours.seeds_needed == theirs.seeds_needed


def test_test_images_and_chance_make_the_checks_of_a_study() -> None:
    low = {"none": [0.10, 0.11, 0.10, 0.09], "cbam": [0.10, 0.12, 0.11, 0.10]}
    (expected,) = compare_variants(low, margin=0.01, test_images=100, guessing_accuracy=0.1)
    judgment = judge(make_table(accuracies=low), margin=0.01, test_images=100, chance=0.1)
    assert judgment.comparisons == [expected]
    assert judgment.comparisons[0].has_learned_nothing
    assert judgment.unchecked == ()
    assert len(judge(make_table(accuracies=low)).unchecked) == 2


@pytest.mark.parametrize(
    "convert", [dict, pd.DataFrame, pa.table, lambda table: _Frame(pd.DataFrame(table))]
)
def test_every_kind_of_table_is_read(convert: Callable[[Any], Any]) -> None:
    assert judge(convert(make_table())).comparisons == judge(make_table()).comparisons


class _Frame:
    """A frame that only narwhals reads, by the interface that data frames have for it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __narwhals_dataframe__(self) -> Any:
        import narwhals

        return narwhals.from_native(self.frame)._compliant_frame


def test_a_wide_table_is_read_and_empty_cells_are_missing_runs() -> None:
    wide = pd.DataFrame({"seed": range(5), **ACCURACIES})
    found = judge(wide, margin=0.005, test_images=10_000).comparisons
    assert found == compare_variants(ACCURACIES, margin=0.005, test_images=10_000)
    wide.loc[4, "cbam"] = np.nan
    judgment = judge(wide, test_images=10_000)
    (expected, _) = compare_variants(
        {**ACCURACIES, "cbam": CBAM[:4]}, margin=0.5, test_images=10_000
    )
    assert judgment.comparisons[0].interval == expected.interval
    assert judgment.comparisons[0].omitted_reference_runs == 1


def test_lower_is_better_in_a_unit_of_its_own() -> None:
    adam, sgd = [2.31, 2.35, 2.33, 2.30], [2.11, 2.15, 2.14, 2.09]
    table = {"method": ["adam"] * 4 + ["sgd"] * 4, "seed": [*range(4)] * 2, "val_loss": adam + sgd}
    judgment = judge(table, baseline="adam", margin=0.05, lower_is_better=True)
    (found,) = judgment.comparisons
    expected = scipy_stats.ttest_ind(sgd, adam, equal_var=False).confidence_interval(0.95)
    assert found.verdict == "better"
    assert judgment.scale.unit.convert_interval(found.interval) == pytest.approx(expected)
    assert "points" not in found.reason
    (worse,) = judge(table, baseline="adam", margin=0.05).comparisons
    assert worse.verdict == "worse"
    assert "add --lower-is-better" in " ".join(judge(table, baseline="adam").notes)


def test_without_a_margin_nothing_is_equivalent() -> None:
    (_, bam) = judge(make_table(), margin=0.05).comparisons
    assert bam.verdict == "equivalent"
    judgment = judge(make_table())
    assert [each.verdict for each in judgment.comparisons] == ["better", "undecided"]
    assert judgment.comparisons[1].seeds_needed is None
    assert any("No margin" in note for note in judgment.notes)


def test_data_sets_share_the_error_rate() -> None:
    first, second = make_table(), make_table()
    table = {name: first[name] + second[name] for name in first}
    table["data"] = ["a"] * 15 + ["b"] * 15
    judgment = judge(table, data_column="data")
    assert [part.data for part in judgment.parts] == ["a", "b"]
    assert {each.level for each in judgment.comparisons} == {1 - 0.05 / 4}


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"test_acc": [float("nan"), *NONE[1:], *CBAM, *BAM]}, {}, "finite number"),
        ({"test_acc": ["", *NONE[1:], *CBAM, *BAM]}, {}, "Found nothing"),
        ({}, {"baseline": "plain"}, "There is no variant 'plain'"),
        ({"variant": ["a"] * 5 + ["b"] * 10}, {}, "Name the baseline"),
        ({}, {"margin": 5.0}, "fractions of 1"),
        ({}, {"value_column": "accuracy"}, "There is no column 'accuracy'"),
        ({"seed": [0, 0, 1, 2, 3] * 3}, {}, "one run per seed"),
        ({"seed": ["a"] * 15}, {}, "whole numbers"),
        ({"variant": ["none"] * 15, "seed": range(15)}, {}, "nothing to compare"),
        ({"other": CBAM * 3}, {"value_column": "variant"}, "finite number"),
    ],
)
def test_tables_that_cannot_be_judged_are_refused(
    change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        judge({**make_table(), **change}, **options)


def test_an_ambiguous_column_is_refused() -> None:
    table = make_table()
    table["ece"] = table["val"] = table.pop("test_acc")
    with pytest.raises(UsageError, match="--value-column"):
        judge(table)
    assert judge(table, value_column="ece").outcome == "ece"


def test_columns_of_metrics_are_no_variants() -> None:
    table = make_table()
    table["net"] = table.pop("variant")
    table["loss"] = table["test_acc"]
    with pytest.raises(UsageError, match="--variant-column"):
        judge(table)


@pytest.mark.parametrize("name", ["best_acc", "acc/max", "Best Top-1"])
def test_best_epochs_are_refused_and_marked(name: str) -> None:
    table = make_table()
    table[name] = table.pop("test_acc")
    with pytest.raises(UsageError, match="--allow-best"):
        judge(table)
    assert judge(table, allow_best=True).is_best


def test_percent_and_a_missing_baseline_are_refused_in_comparisons_of_fractions() -> None:
    with pytest.raises(UsageError, match="Divide percent by 100"):
        compare_variants({"none": [76.1, 76.2], "cbam": [77.0, 77.1]})
    with pytest.raises(UsageError, match="Found nan for 'cbam'"):
        compare_variants({"none": [0.7], "cbam": [float("nan")]})
    with pytest.raises(UsageError, match="There is no variant 'none'"):
        compare_variants({"plain": [0.7], "cbam": [0.8]})


def test_next_runs_complete_the_seeds_and_then_are_a_new_study() -> None:
    judgment = judge(make_table(accuracies={**ACCURACIES, "bam": BAM[:3]}))
    assert judgment.parts[0].next_runs == {"bam": (3, 4)}
    assert not judgment.parts[0].is_new_study
    (part,) = judge(make_table()).parts
    assert part.is_new_study
    assert part.next_runs == dict.fromkeys(["none", "cbam", "bam"], tuple(range(100, 110)))
    few = judge(make_table(accuracies={"none": NONE[:1], "cbam": CBAM[:1]}))
    assert few.parts[0].next_runs == {"none": (1, 2, 3, 4), "cbam": (1, 2, 3, 4)}
    decided = judge(make_table(accuracies={"none": NONE, "cbam": CBAM}))
    assert decided.parts[0].next_runs == {}


def test_exit_code_is_that_of_the_last_verdict() -> None:
    def find_code(margin: float, **accuracies: list[float]) -> int:
        return judge(make_table(accuracies={"none": NONE, **accuracies}), margin=margin).exit_code

    low = [value - 0.1 for value in NONE]
    assert find_code(0.005, cbam=CBAM) == 0
    assert find_code(0.05, bam=BAM) == 10
    assert find_code(0.0001, bam=BAM, cbam=CBAM) == 11
    assert find_code(0.0001, bam=BAM, cbam=low) == 12
