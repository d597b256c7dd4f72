"""Table of the verdicts on one data set of a table of runs, for every form of output."""

from __future__ import annotations

import math

import numpy as np

from foveal.stats import Comparison, DataJudgment, Judgment
from foveal.text_format import ABSENT_VALUE, format_level, use_minus_signs
from foveal.text_tables import Table


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
        shown = part.runs[name].values * scale.factor * unit.factor
        mean = f"{shown.mean():.{unit.decimals}f}"
        if shown.size > 1:
            mean += f" ± {np.std(shown, ddof=1):.{unit.decimals}f}"
        cells = (name, str(shown.size), use_minus_signs(mean))
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
