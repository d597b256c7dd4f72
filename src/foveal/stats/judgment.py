"""Verdicts on a table of runs that were trained anywhere, by the rule of studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.stats.comparison import Comparison
from foveal.stats.next_seeds import plan_next_runs
from foveal.stats.outcome_scale import OutcomeScale, choose_scale, is_loss_name
from foveal.stats.pair_comparison import compare_pairs
from foveal.stats.run_table import BASELINE_NAMES, RunTable, make_run_table
from foveal.stats.sample import Sample
from foveal.stats.sample_comparison import Rule
from foveal.stats.sequential import SequentialDesign
from foveal.stats.value_checks import Suspicion, VariantValues, find_suspicions, separate_runs
from foveal.text_format import join_with_and
from foveal.validation import require_positive_int, require_strictly_between

VERDICT_EXIT_CODES: Final = {"better": 0, "equivalent": 10, "undecided": 11, "worse": 12}
"""Exit code of `foveal judge --exit-code` by verdict."""


@dataclass(frozen=True, eq=False)
class DataJudgment:
    """Verdicts on the runs of one data set.

    Attributes:
        data: the data set; empty without a column of data sets.
        comparisons: each variant with the baseline, as fractions of 1 for accuracies.
        runs: outcomes and seeds of each variant, as in the table.
        next_runs: seeds to train next, by variant; empty if no comparison needs a run.
        is_new_study: True if `next_runs` are a new study: these are undecided after all seeds they have.
    """

    data: str
    comparisons: tuple[Comparison, ...]
    runs: Mapping[str, VariantValues]
    next_runs: Mapping[str, tuple[int, ...]]
    is_new_study: bool = False


@dataclass(frozen=True, eq=False)
class Judgment:
    """Verdicts on a table of runs.

    Attributes:
        parts: one for each data set.
        baseline: the baseline.
        outcome: name of the outcome.
        margin: largest difference that counts as equivalent, in the unit of the table; None if none was given.
        lower_is_better: True for losses and errors.
        is_best: True if the outcome is a best epoch or a maximum over epochs.
        scale: conversion of the values of the table.
        suspicions: signs that the runs are not what a verdict assumes.
        unchecked: checks that could not be made, a sentence each.
        notes: what was guessed or left out, a sentence each.
    """

    parts: tuple[DataJudgment, ...]
    baseline: str
    outcome: str
    margin: float | None
    lower_is_better: bool
    is_best: bool
    scale: OutcomeScale
    suspicions: tuple[Suspicion, ...] = ()
    unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparisons of all data sets."""
        return [comparison for part in self.parts for comparison in part.comparisons]

    @property
    def exit_code(self) -> int:
        """Exit code: 0 better, 10 equivalent, 11 undecided, 12 worse; of several verdicts the largest."""
        codes = [VERDICT_EXIT_CODES[each.verdict] for each in self.comparisons]
        return max(codes, default=VERDICT_EXIT_CODES["undecided"])


def judge(
    table: Any,
    *,
    baseline: str | None = None,
    margin: float | None = None,
    variant_column: str | None = None,
    seed_column: str | None = None,
    value_column: str | None = None,
    data_column: str | None = None,
    lower_is_better: bool = False,
    allow_best: bool = False,
    test_images: int | None = None,
    chance: float | None = None,
    alpha: float = 0.05,
) -> Judgment:
    """Compare every variant of a table of runs with the baseline.

    Args:
        table: a row per run with columns for variant, seed and value, or a column per variant and a row per
            seed: a dict of arrays, a data frame of pandas or polars, or what narwhals reads.
        baseline: name of the baseline; by default a variant called none, baseline, plain or the like.
        margin: largest difference that counts as equivalent, in the unit of the values. Without it, no
            variant is equivalent.
        variant_column: name of the column of variants.
        seed_column: name of the column of seeds.
        value_column: name of the column of final outcomes.
        data_column: name of the column of data sets, for a verdict on each.
        lower_is_better: True for losses and errors.
        allow_best: accept a best epoch or a maximum over epochs as the outcome.
        test_images: number of test images, for accuracies.
        chance: accuracy of guessing, a fraction of 1: the share of the largest class.
        alpha: error rate of all comparisons together.

    Raises:
        UsageError: a column, the baseline or a value is missing or wrong.

    >>> runs = {"variant": ["none"] * 3 + ["cbam"] * 3, "seed": [0, 1, 2] * 2}
    >>> judgment = judge({**runs, "accuracy": [70.1, 70.4, 69.9, 75.2, 75.6, 75.1]}, margin=0.5)
    >>> judgment.comparisons[0].verdict
    'better'
    """
    runs = make_run_table(
        table,
        baseline=baseline,
        variant_column=variant_column,
        seed_column=seed_column,
        value_column=value_column,
        data_column=data_column,
        allow_best=allow_best,
    )
    return judge_runs(
        runs,
        baseline=baseline,
        margin=margin,
        lower_is_better=lower_is_better,
        test_images=test_images,
        chance=chance,
        alpha=alpha,
    )


def judge_runs(
    table: RunTable,
    *,
    baseline: str | None = None,
    margin: float | None = None,
    lower_is_better: bool = False,
    test_images: int | None = None,
    chance: float | None = None,
    alpha: float = 0.05,
    variants: Sequence[str] | None = None,
    design: SequentialDesign | None = None,
    design_seeds: Sequence[int] | None = None,
) -> Judgment:
    """Return the verdicts on the runs of a table.

    Args:
        table: the runs.
        baseline: as in `judge`, and so are the arguments up to `alpha`.
        margin: margin of equivalence in the unit of the table.
        lower_is_better: True for losses and errors.
        test_images: number of test images.
        chance: accuracy of guessing.
        alpha: error rate of all comparisons together.
        variants: all variants, also those without runs; by default those of the table.
        design: looks of one comparison of a sequential study; its levels replace `alpha`.
        design_seeds: seeds of the sequential study, in order.
    """
    is_accuracy = test_images is not None or chance is not None
    _check_rule(margin, test_images, chance, alpha)
    if is_loss_name(table.outcome) and not lower_is_better and not is_accuracy:
        notes = [f"Higher {table.outcome!r} counts as better; otherwise add --lower-is-better."]
    else:
        notes = []
    scale = choose_scale(
        table.values, table.outcome, lower_is_better=lower_is_better, is_accuracy=is_accuracy
    )
    names = list(dict.fromkeys(table.variants)) if variants is None else list(variants)
    reference = _choose_baseline(names, baseline, notes)
    scaled_margin = _scale_margin(margin, scale, notes)
    if len(names) < 2:
        raise UsageError(f"There is nothing to compare: all runs are of {reference!r}.")
    others = [name for name in names if name != reference]
    pairs = [(name, reference) for name in others]
    by_data = _group_runs(table)
    count = len(pairs) * len(by_data)
    rule = Rule(
        scaled_margin,
        alpha / count,
        alpha / count,
        test_images if scale.is_accuracy else None,
        chance,
        scale.unit,
    )
    suspicions: list[Suspicion] = []
    parts = []
    for data, group in by_data.items():
        seeds = [seed for seed, name in zip(table.seeds, table.data, strict=True) if name == data]
        runs, suspected = separate_runs(group, seeds, table.has_seeds)
        suspected += find_suspicions(
            runs,
            scale=scale,
            chance=chance,
            test_images=test_images,
            names=[reference, *others] if design is None else [],
        )
        prefix = f"{data}: " if data else ""
        suspicions += [Suspicion(each.kind, prefix + each.text) for each in suspected]
        samples = {
            name: Sample(name, (each.values * scale.factor).tolist(), each.seeds)
            for name, each in runs.items()
        }
        comparisons = compare_pairs(
            samples, pairs, rule=rule, design=design, seed_order=design_seeds
        )
        next_runs, is_new = plan_next_runs(runs, pairs, comparisons, design, design_seeds)
        parts.append(DataJudgment(data, tuple(comparisons), runs, next_runs, is_new))
    return Judgment(
        tuple(parts),
        reference,
        table.outcome,
        margin,
        lower_is_better,
        table.is_best,
        scale,
        tuple(suspicions),
        tuple(_list_unchecked(scale, table.has_seeds, chance, test_images)),
        (*table.notes, *notes),
    )


def _check_rule(
    margin: float | None, test_images: int | None, chance: float | None, alpha: float
) -> None:
    """Raise a `UsageError` for a parameter outside its range."""
    require_strictly_between("alpha", alpha, 0, 0.5)
    if margin is not None and not 0 < margin < float("inf"):
        raise bad_parameter("margin", "above 0, in the unit of the values", margin)
    if test_images is not None:
        require_positive_int("test_images", test_images)
    if chance is not None and not 0 < chance < 1:
        raise bad_parameter("chance", "between 0 and 1, as a fraction", chance)


def _choose_baseline(names: Sequence[str], baseline: str | None, notes: list[str]) -> str:
    """Return the baseline, by default the variant with a usual name."""
    if baseline is not None:
        if baseline not in names:
            raise unknown_name("variant", baseline, names)
        return baseline
    by_name = {name.lower(): name for name in names}
    found = next((by_name[name] for name in BASELINE_NAMES if name in by_name), None)
    if found is None:
        listed = join_with_and([repr(name) for name in names[:12]])
        raise UsageError(f"Name the baseline with --baseline: one of {listed}.")
    notes.append(f"The baseline is {found!r}.")
    return found


def _scale_margin(margin: float | None, scale: OutcomeScale, notes: list[str]) -> float:
    """Return the margin in the unit of the statistics, 0 if there is none."""
    if margin is None:
        notes.append("No margin was given, so no variant can be equivalent: add --margin.")
        return 0.0
    scaled = margin * abs(scale.factor)
    if scale.is_accuracy and not scaled < 1:
        unit = "percent" if scale.is_percent else "fractions of 1"
        raise bad_parameter("margin", f"in the unit of the values, which are {unit}", margin)
    return scaled


def _group_runs(table: RunTable) -> dict[str, dict[str, VariantValues]]:
    """Return the outcomes of each variant by data set, sorted by seed."""
    rows: dict[str, dict[str, list[int]]] = {}
    for row, (data, variant) in enumerate(zip(table.data, table.variants, strict=True)):
        rows.setdefault(data, {}).setdefault(variant, []).append(row)
    return {
        data: {
            name: VariantValues(
                table.values[(order := sorted(each, key=lambda row: table.seeds[row]))],
                tuple(table.seeds[row] for row in order),
            )
            for name, each in by_variant.items()
        }
        for data, by_variant in rows.items()
    }


def _list_unchecked(
    scale: OutcomeScale, has_seeds: bool, chance: float | None, test_images: int | None
) -> list[str]:
    """Return the checks that could not be made, with what they need."""
    unchecked = []
    if scale.is_accuracy and (chance is None or test_images is None):
        unchecked.append("Runs at chance: needs --chance and --test-images.")
    if scale.is_accuracy and test_images is None:
        unchecked.append("Steps of the test set, which bound the error: needs --test-images.")
    if not has_seeds:
        unchecked.append("Seeds: the table has no column of them.")
    return unchecked
