"""Result of `foveal.stats.judge`: the verdicts on a table of runs, next runs and suspicions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foveal.stats.comparison import Comparison
from foveal.stats.judge_design import JudgeDesign
from foveal.stats.outcome_scale import OutcomeScale
from foveal.stats.value_checks import Suspicion, VariantValues
from foveal.text_format import ABSENT_VALUE, format_level, use_minus_signs
from foveal.text_tables import Table, render_html

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
        new_design: first seed and largest number of seeds of a new design after an undecided one, or None.
    """

    data: str
    comparisons: tuple[Comparison, ...]
    runs: Mapping[str, VariantValues]
    next_runs: Mapping[str, tuple[int, ...]]
    is_new_study: bool = False
    new_design: tuple[int, int] | None = None


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
        design: design of a sequential judgment, or None.
        level: level at which one comparison is made; of a sequential one, over all looks together.
        test_images: number of test images, or None.
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
    design: JudgeDesign | None = None
    level: float = 0.95
    test_images: int | None = None

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparisons of all data sets."""
        return [comparison for part in self.parts for comparison in part.comparisons]

    @property
    def exit_code(self) -> int:
        """Exit code: 0 better, 10 equivalent, 11 undecided, 12 worse; of several verdicts the largest."""
        codes = [VERDICT_EXIT_CODES[each.verdict] for each in self.comparisons]
        return max(codes, default=VERDICT_EXIT_CODES["undecided"])

    def _repr_html_(self) -> str:
        """Return the table of each data set for a notebook."""
        return "".join(render_html(make_verdict_table(self, part)) for part in self.parts)


def make_verdict_table(judgment: Judgment, part: DataJudgment) -> Table:
    """Return a row per variant: runs, mean and deviation, difference, interval, verdict.

    Accuracies are in percent and their differences in points; other outcomes are in their own unit.
    """
    unit, scale = judgment.scale.unit, judgment.scale
    by_variant = {each.variant: each for each in part.comparisons}
    rows = []
    names = [judgment.baseline, *(name for name in part.runs if name != judgment.baseline)]
    for name in names:
        if name not in part.runs:
            continue
        values = part.runs[name].values * scale.factor
        cells = (name, str(values.size), use_minus_signs(unit.format_mean(values)))
        rows.append((*cells, *_list_verdict_cells(by_variant.get(name), name == judgment.baseline)))
    quantity = "final values" if not judgment.is_best else "best epochs"
    title = f"{judgment.outcome}, {quantity}"
    title += f", {part.data}" if part.data else ""
    level = part.comparisons[0].level if part.comparisons else math.nan
    is_sequential = any(each.sequential is not None for each in part.comparisons)
    heading = (
        "interval" if is_sequential or math.isnan(level) else f"{format_level(level)} interval"
    )
    mean_heading = "mean in %" if scale.is_accuracy else "mean"
    headings = (
        "variant",
        "runs",
        mean_heading,
        f"diff. to {judgment.baseline}",
        heading,
        "verdict",
    )
    return Table(title, headings, tuple(rows), _write_note(judgment), ("verdict",))


def _list_verdict_cells(comparison: Comparison | None, is_baseline: bool) -> tuple[str, str, str]:
    """Return difference, interval and verdict of a row."""
    if comparison is None:
        return (ABSENT_VALUE, ABSENT_VALUE, "baseline" if is_baseline else "no common seed")
    unit = comparison.unit
    interval = ABSENT_VALUE
    if not math.isnan(comparison.interval[0]):
        interval = use_minus_signs(f"[{', '.join(unit.format_ends(comparison.interval))}]")
    verdict = comparison.verdict + ("\n(guessing)" if comparison.has_learned_nothing else "")
    return use_minus_signs(unit.format_signed(comparison.difference)), interval, verdict


def _write_note(judgment: Judgment) -> str:
    """Return the note below the table: unit, margin, direction, and a mark if the outcome is a best epoch."""
    scale = judgment.scale
    parts = ["Differences in points" if scale.is_accuracy else f"Differences of {judgment.outcome}"]
    if judgment.margin is None:
        parts.append("no margin, so none is equivalent")
    else:
        size = scale.unit.format_size(judgment.margin * abs(scale.factor))
        parts.append(f"margin {size}{scale.unit.suffix}")
    if judgment.lower_is_better:
        parts.append("lower is better")
    if judgment.is_best:
        parts.append("best epochs, which favor variants that vary more")
    return "; ".join(parts) + "."
