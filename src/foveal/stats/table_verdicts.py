"""Verdicts on a table of runs that were trained anywhere, by the rule of studies."""

from __future__ import annotations

from typing import Any

from foveal.errors import UsageError
from foveal.stats.judge_design import (
    COLUMN_OPTIONS,
    JudgeDesign,
    check_seeds,
    check_table,
    merge_options,
)
from foveal.stats.judgment import DataJudgment, Judgment
from foveal.stats.next_seeds import plan_next_runs
from foveal.stats.outcome_scale import OutcomeScale, choose_scale, is_loss_name
from foveal.stats.pair_comparison import compare_pairs
from foveal.stats.run_table import RunTable, make_run_table
from foveal.stats.sample_comparison import Rule
from foveal.stats.table_rule import check_rule, choose_baseline, make_sample, scale_margin
from foveal.stats.value_checks import Suspicion, VariantValues, find_suspicions, separate_runs


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
    design: JudgeDesign | None = None,
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
        design: design of a sequential judgment, by `make_judge_design`. It replaces all other options; one
            that differs from it is an error.

    Raises:
        UsageError: a column, the baseline or a value is missing or wrong, or the table does not fit the design.

    >>> runs = {"variant": ["none"] * 3 + ["cbam"] * 3, "seed": [0, 1, 2] * 2}
    >>> judgment = judge({**runs, "accuracy": [70.1, 70.4, 69.9, 75.2, 75.6, 75.1]}, margin=0.5)
    >>> judgment.comparisons[0].verdict
    'better'
    """
    options: dict[str, Any] = {
        "baseline": baseline,
        "margin": margin,
        "variant_column": variant_column,
        "seed_column": seed_column,
        "value_column": value_column,
        "data_column": data_column,
        "lower_is_better": lower_is_better,
        "allow_best": allow_best,
        "test_images": test_images,
        "chance": chance,
    }
    if design is not None:
        options = merge_options(design, options)
    reading = {name: options.pop(name) for name in (*COLUMN_OPTIONS, "allow_best")}
    runs = make_run_table(table, baseline=options["baseline"], **reading)
    return judge_runs(runs, **options, alpha=alpha, design=design)


def judge_runs(
    table: RunTable,
    *,
    baseline: str | None = None,
    margin: float | None = None,
    lower_is_better: bool = False,
    test_images: int | None = None,
    chance: float | None = None,
    alpha: float = 0.05,
    design: JudgeDesign | None = None,
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
        design: design of a sequential judgment with these options; its levels replace `alpha`.
    """
    is_accuracy = test_images is not None or chance is not None
    check_rule(margin, test_images, chance, alpha)
    if is_loss_name(table.outcome) and not lower_is_better and not is_accuracy:
        notes = [f"Higher {table.outcome!r} counts as better; otherwise add --lower-is-better."]
    else:
        notes = []
    scale = choose_scale(
        table.values, table.outcome, lower_is_better=lower_is_better, is_accuracy=is_accuracy
    )
    if design is not None:
        check_table(design, table, scale)
        notes.append(design.note)
        names = [design.baseline, *design.variants]
    else:
        names = list(dict.fromkeys(table.variants))
    reference = choose_baseline(names, baseline, notes)
    scaled_margin = scale_margin(margin, scale, notes)
    if len(names) < 2:
        raise UsageError(f"There is nothing to compare: all runs are of {reference!r}.")
    others = [name for name in names if name != reference]
    pairs = [(name, reference) for name in others]
    by_data = _group_runs(table)
    if design is not None:
        by_data = {data: by_data.get(data, {}) for data in design.data}
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
        samples = {name: make_sample(name, each, scale) for name, each in runs.items()}
        looks, order = (None, None) if design is None else (design.looks, design.seeds)
        comparisons = compare_pairs(samples, pairs, rule=rule, design=looks, seed_order=order)
        if design is not None:
            check_seeds(design, runs, comparisons, suspected)
        plan = plan_next_runs(runs, pairs, comparisons, looks, order)
        parts.append(
            DataJudgment(
                data, tuple(comparisons), runs, plan.seeds, plan.is_new_study, plan.new_design
            )
        )
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
        design,
        1 - (alpha / count if design is None else design.looks.alpha),
        rule.test_images,
    )


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
