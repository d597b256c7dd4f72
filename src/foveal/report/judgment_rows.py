"""Table of the verdicts on one data set of a table of runs: the same forest plot as that of a study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from foveal.analysis.run_tables import make_verdict_table
from foveal.report.blocks import HtmlBlock
from foveal.report.forest_plot import ForestScale, SeedMark, draw_forest_row, fit_forest_scale
from foveal.report.forest_rows import ForestRow
from foveal.report.number_text import describe_basis
from foveal.report.templating import render_template
from foveal.stats import Comparison, DataJudgment, Judgment, OutcomeUnit
from foveal.text_format import (
    ABSENT_VALUE,
    format_count,
    format_level,
    shorten_name,
    use_minus_signs,
)

_MAX_NAME_LENGTH: Final = 18
_MAX_DRAWN_SEEDS: Final = 200
"""Runs of a variant that a row draws; more circles would lie on each other."""


def build_judgment_table(
    judgment: Judgment, part: DataJudgment, *, styles: Mapping[str, int], name: str
) -> HtmlBlock:
    """Return the table of one data set with its forest plot; `styles` are the style indices of the variants."""
    scale = _make_scale(judgment, part)
    unit = judgment.scale.unit
    margin = ""
    if judgment.margin is not None:
        margin = f"{unit.format_size(_get_margin(judgment))}{unit.suffix}"
    html = render_template(
        "forest_table.html.j2",
        label=part.data,
        caption=_write_caption(judgment, part),
        outcome=judgment.outcome,
        baseline=judgment.baseline,
        unit=f", {unit.noun}" if unit.noun else "",
        rows=[
            _build_row(judgment, part, variant, scale, styles)
            for variant in list_shown(judgment, part)
        ],
        cost_headings=(),
        axis=scale.axis_labels if scale else (),
        with_plot=scale is not None,
        level=_name_interval(part.comparisons),
        margin=margin,
    )
    return HtmlBlock(html, name, make_verdict_table(judgment, part))


def list_shown(judgment: Judgment, part: DataJudgment) -> list[str]:
    """Return the variants with runs, the baseline first."""
    return sorted(part.runs, key=lambda name: name != judgment.baseline)


def _find_comparison(part: DataJudgment, variant: str) -> Comparison | None:
    """Return the comparison of a variant with the baseline; None for the baseline."""
    return next((each for each in part.comparisons if each.variant == variant), None)


def _get_margin(judgment: Judgment) -> float:
    """Return the margin in the unit of the statistics; 0 without one."""
    return (judgment.margin or 0.0) * abs(judgment.scale.factor)


def _make_scale(judgment: Judgment, part: DataJudgment) -> ForestScale | None:
    """Return an axis that contains all runs, intervals and the margin; None without runs of the baseline."""
    if judgment.baseline not in part.runs:
        return None
    margin = _get_margin(judgment) * abs(judgment.scale.unit.factor)
    values = [-margin, margin]
    for variant in part.runs:
        values += _list_differences(judgment, part, variant)
    for each in part.comparisons:
        values += [end for end in each.unit.convert_interval(each.interval) if math.isfinite(end)]
    return fit_forest_scale(values, margin)


def _list_differences(judgment: Judgment, part: DataJudgment, variant: str) -> list[float]:
    """Return each run minus the mean of the baseline, in the shown unit.

    Where only some seeds are common, it is the mean over those that the comparison counts.
    """
    unit = judgment.scale.unit
    comparison = _find_comparison(part, variant)
    baseline = float(part.runs[judgment.baseline].values.mean() * judgment.scale.factor)
    if comparison is not None:
        baseline = comparison.mean - comparison.difference
    shown = unit.factor * (part.runs[variant].values * judgment.scale.factor - baseline)
    return [float(each) for each in shown]


def _build_row(
    judgment: Judgment,
    part: DataJudgment,
    variant: str,
    scale: ForestScale | None,
    styles: Mapping[str, int],
) -> ForestRow:
    """Return the row of one variant."""
    runs, unit = part.runs[variant], judgment.scale.unit
    comparison = _find_comparison(part, variant)
    is_baseline = variant == judgment.baseline
    return ForestRow(
        index=styles[variant],
        name=shorten_name(variant, _MAX_NAME_LENGTH),
        full_name=variant,
        description="",
        accuracy=_format_mean(judgment, runs.values * judgment.scale.factor),
        accuracy_notes=(format_count(len(runs.seeds), "run"),),
        accuracy_key=float(runs.values.mean()),
        svg=Markup("") if scale is None else _draw_row(judgment, part, variant, scale, styles),
        difference=use_minus_signs(unit.format_signed(comparison.difference))
        if comparison
        else ABSENT_VALUE,
        interval=_format_interval(comparison) if comparison else "",
        difference_key=unit.factor * comparison.difference if comparison else 0.0,
        verdict=comparison.verdict if comparison else "baseline" if is_baseline else "",
        verdict_note=describe_basis(comparison)
        if comparison
        else ""
        if is_baseline
        else "no common seed",
        costs=(),
    )


def _format_mean(judgment: Judgment, values: npt.NDArray[np.float64]) -> str:
    """Return mean and standard deviation in the shown unit."""
    text = judgment.scale.unit.format_mean(values)
    return use_minus_signs(f"{text} %" if judgment.scale.is_accuracy else text)


def _format_interval(comparison: Comparison) -> str:
    """Return the interval that decides; a dash without one."""
    if math.isnan(comparison.deciding_interval[0]):
        return ABSENT_VALUE
    return use_minus_signs(" to ".join(comparison.unit.format_ends(comparison.deciding_interval)))


def _draw_row(
    judgment: Judgment,
    part: DataJudgment,
    variant: str,
    scale: ForestScale,
    styles: Mapping[str, int],
) -> Markup:
    """Draw the row of one variant; of very many runs only the first."""
    runs = part.runs[variant]
    differences = _list_differences(judgment, part, variant)
    unit = judgment.scale.unit
    seeds = [
        SeedMark(
            difference,
            f"{variant}, seed {seed}: {value:g}, "
            f"{_sign(difference, unit)} from the mean of {judgment.baseline}",
        )
        for seed, value, difference in zip(runs.seeds, runs.values, differences, strict=True)
    ]
    comparison = _find_comparison(part, variant)
    ends = f"{_sign(min(differences), unit)} to {_sign(max(differences), unit)}"
    description = f"{format_count(len(differences), 'run')} from {ends}"
    if comparison is not None:
        difference = use_minus_signs(unit.format_signed(comparison.difference)) + unit.suffix
        description = (
            f"difference {difference}, interval {_format_interval(comparison)}; {description}"
        )
    return draw_forest_row(
        styles[variant],
        scale,
        comparison=comparison,
        seeds=seeds[:_MAX_DRAWN_SEEDS],
        description=f"{variant}: {description}",
    )


def _sign(difference: float, unit: OutcomeUnit) -> str:
    """Return a difference in the shown unit with its sign."""
    return use_minus_signs(f"{difference:+.{unit.decimals}f}{unit.suffix}")


def _name_interval(comparisons: Sequence[Comparison]) -> str:
    """Return the intervals of the table with their level; empty without any."""
    made = [each for each in comparisons if math.isfinite(each.interval[0])]
    if not made:
        return ""
    if any(each.sequential is not None for each in made):  # the level is that of the look
        return "interval"
    return f"{format_level(made[0].level)} interval"


def _write_caption(judgment: Judgment, part: DataJudgment) -> str:
    """Return the caption: the outcome, and that it is a best epoch if it is one."""
    kind = (
        "best epochs, which favor variants that vary more" if judgment.is_best else "final values"
    )
    return f"{judgment.outcome}, {kind}{f', {part.data}' if part.data else ''}"
