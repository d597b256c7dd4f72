"""Rows of the table of results: each with its part of the forest plot, every seed a circle, and its cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from foveal.analysis import VariantRuns, describe_variant
from foveal.plotting import SvgCanvas, choose_ticks, format_tick
from foveal.report.cell_view import CellView
from foveal.report.number_text import (
    describe_basis,
    format_change,
    format_comparison_name,
    format_difference,
    format_interval,
    format_parameters,
)
from foveal.stats import Comparison
from foveal.text_format import (
    ABSENT_VALUE,
    MINUS,
    choose_point_decimals,
    format_count,
    format_percent,
    format_rounded_points,
    shorten_name,
)
from foveal.variant_names import (
    BASELINE,
    CONTROLS,
    get_controlled_variant,
    get_variant_name,
)

_WIDTH, _HEIGHT, _PADDING = 310.0, 40.0, 10.0
_MAX_TICKS: Final = 5
_MAX_NAME_LENGTH: Final = 18
_MAX_LISTED_SEEDS: Final = 12


@dataclass(frozen=True)
class ForestScale:
    """The horizontal axis that all rows share, in points: its ends, its ticks and the margin."""

    low: float
    high: float
    ticks: tuple[float, ...]
    margin: float

    def locate(self, points: float) -> float:
        """Return the horizontal position of a difference in points."""
        share = (points - self.low) / (self.high - self.low)
        return _PADDING + share * (_WIDTH - 2 * _PADDING)

    @property
    def axis_labels(self) -> list[tuple[str, str]]:
        """The position of each tick in percent of the width, and its number."""
        return [
            (f"{100 * self.locate(tick) / _WIDTH:.1f}", format_tick(tick, signed=True))
            for tick in self.ticks
        ]


@dataclass(frozen=True)
class CostEntry:
    """A cost of one variant: value, change from the baseline and the number to sort by."""

    label: str
    value: str
    change: str
    key: float


@dataclass(frozen=True)
class ForestRow:
    """One row of the table. `index` is the style index of the variant; a contrast has `is_contrast`."""

    index: int
    name: str
    full_name: str
    description: str
    accuracy: str
    accuracy_notes: tuple[str, ...]
    accuracy_key: float
    svg: Markup
    difference: str
    interval: str
    difference_key: float
    verdict: str
    verdict_note: str
    costs: tuple[CostEntry, ...]
    is_contrast: bool = False


def make_forest_scale(cells: Sequence[CellView]) -> ForestScale | None:
    """Return an axis that contains all seeds, intervals and margins; None without a baseline."""
    values: list[float] = []
    for cell in cells:
        if cell.baseline is None or cell.design is None:
            return None
        values += [-cell.design.margin, cell.design.margin]
        for group in cell.groups:
            values += _list_seed_differences(cell, group).tolist()
        for each in cell.comparisons:
            values += [100 * bound for bound in each.interval if math.isfinite(bound)]
    # A little room, so that no mark touches the end of the axis.
    span = (max(values) - min(values)) / 40
    low, high = min(values) - span, max(values) + span
    ticks = tuple(tick for tick in choose_ticks(low, high, _MAX_TICKS) if low <= tick <= high)
    return ForestScale(low, high, ticks, min(cell.design.margin for cell in cells if cell.design))


def build_forest_rows(cell: CellView, scale: ForestScale | None) -> list[ForestRow]:
    """Return a row for each variant, followed by its comparisons with controls."""
    rows = []
    for group in cell.groups:
        rows.append(_build_variant_row(cell, group, scale))
        rows += [_build_contrast_row(group, each, scale, cell) for each in group.contrasts]
    return rows


def _build_variant_row(cell: CellView, group: VariantRuns, scale: ForestScale | None) -> ForestRow:
    """Return the row of one variant."""
    accuracies = group.get_results("test_accuracy")
    comparison = group.comparison
    is_baseline = group.variant == BASELINE
    verdict = comparison.verdict if comparison else "baseline" if is_baseline else ""
    return ForestRow(
        index=group.style_index,
        name=_name_variant(group.variant),
        full_name=group.variant,
        description=_describe(group.variant),
        accuracy=_format_accuracy(accuracies, _choose_accuracy_decimals(cell)),
        accuracy_notes=tuple(_list_accuracy_notes(cell, group)),
        accuracy_key=float(accuracies.mean()),
        svg=Markup("") if scale is None else _draw_variant(cell, group, scale),
        difference=format_difference(comparison) if comparison else ABSENT_VALUE,
        interval=format_interval(comparison) if comparison else "",
        difference_key=comparison.difference if comparison else 0.0,
        verdict=verdict,
        verdict_note=describe_basis(comparison) if comparison else "",
        costs=tuple(_list_costs(cell, group)),
    )


def _name_variant(variant: str) -> str:
    """Return the short name of a variant; a control without the module that it is a control of."""
    name = get_variant_name(variant)
    return name if name in CONTROLS else shorten_name(variant, _MAX_NAME_LENGTH)


def _describe(variant: str) -> str:
    """Return a few words on a variant; a control names its module."""
    text = describe_variant(variant)
    if get_variant_name(variant) not in CONTROLS:
        return text
    return f"{text}, like {shorten_name(get_controlled_variant(variant), _MAX_NAME_LENGTH)}"


def _build_contrast_row(
    group: VariantRuns, comparison: Comparison, scale: ForestScale | None, cell: CellView
) -> ForestRow:
    """Return the row that compares a variant with one of its controls."""
    control = get_variant_name(comparison.reference)
    svg = Markup("")
    if scale is not None:
        canvas = _start_row(scale)
        _draw_comparison(canvas, group.style_index, comparison, scale, y=_HEIGHT / 2)
        svg = canvas.render(_describe_comparison(format_comparison_name(comparison), comparison))
    return ForestRow(
        index=group.style_index,
        name=f"{shorten_name(comparison.variant, _MAX_NAME_LENGTH)} {MINUS} {control}",
        full_name=f"{comparison.variant} minus {comparison.reference}",
        description="",
        accuracy="",
        accuracy_notes=(),
        accuracy_key=comparison.mean,
        svg=svg,
        difference=format_difference(comparison),
        interval=format_interval(comparison),
        difference_key=comparison.difference,
        verdict=comparison.verdict,
        verdict_note=describe_basis(comparison),
        costs=tuple(CostEntry(name, "", "", 0.0) for name in cell.cost_headings),
        is_contrast=True,
    )


def _choose_accuracy_decimals(cell: CellView) -> int:
    """Return the decimals of all accuracies: 2 if all intervals are narrow."""
    intervals = [each.deciding_interval for each in cell.comparisons]
    return min(map(choose_point_decimals, intervals), default=2 if cell.is_single_run else 1)


def _format_accuracy(accuracies: Any, decimals: int) -> str:
    """Return mean and standard deviation in percent."""
    mean = format_percent(float(accuracies.mean()), decimals)
    if len(accuracies) == 1:
        return f"{mean} %"
    return f"{mean} ± {format_percent(float(accuracies.std(ddof=1)), decimals)} %"


def _list_accuracy_notes(cell: CellView, group: VariantRuns) -> list[str]:
    """Return small print below the accuracy: missing seeds, and the top-5 accuracy where it is stored."""
    notes = []
    planned = cell.design.planned_seeds if cell.design else len(group.runs)
    if cell.is_sequential:
        notes.append(format_count(len(group.runs), "seed"))
    elif len(group.runs) != planned:
        notes.append(f"{len(group.runs)} of {planned} seeds")
    if cell.shared_results["top5_accuracy"] is not None:
        notes.append(
            f"top-5 {format_percent(float(group.get_results('top5_accuracy').mean()), 1)} %"
        )
    return notes


def _list_costs(cell: CellView, group: VariantRuns) -> list[CostEntry]:
    """Return the costs of one variant in the order of the headings."""
    baseline = cell.costs.get(BASELINE, {})
    cost = cell.costs.get(group.variant, {})
    parameters = int(group.runs[0].results["parameters"])
    plain = int(cell.baseline.runs[0].results["parameters"]) if cell.baseline else 0
    entries = [
        CostEntry(
            "parameters",
            format_parameters(parameters),
            format_change(parameters, plain),
            parameters,
        )
    ]
    for label, key, form, divisor in cell.cost_columns:
        value = cost.get(key)
        if value is None:
            entries.append(CostEntry(label, ABSENT_VALUE, "", 0.0))
        else:
            change = format_change(value, baseline.get(key, 0))
            entries.append(CostEntry(label, form.format(value / divisor), change, value))
    return entries


def _list_seed_differences(cell: CellView, group: VariantRuns) -> Any:
    """Return the accuracy of each run minus the mean of the baseline, in points."""
    accuracies = 100 * group.get_results("test_accuracy")
    if group.comparison is not None:
        return accuracies - 100 * (group.comparison.mean - group.comparison.difference)
    baseline = cell.baseline or group
    return accuracies - 100 * baseline.get_results("test_accuracy").mean()


def _start_row(scale: ForestScale) -> SvgCanvas:
    """Return a row with the band of the margin, the grid and the line at 0."""
    canvas = SvgCanvas(_WIDTH, _HEIGHT)
    left, right = scale.locate(-scale.margin), scale.locate(scale.margin)
    canvas.add_rectangle(left, 0, right - left, _HEIGHT, "band")
    for tick in scale.ticks:
        x = scale.locate(tick)
        canvas.add_line(x, 0, x, _HEIGHT, "zero" if tick == 0 else "grid")
    return canvas


def _draw_variant(cell: CellView, group: VariantRuns, scale: ForestScale) -> Markup:
    """Draw mean, interval and seeds of one variant."""
    canvas = _start_row(scale)
    comparison = group.comparison
    if comparison is not None:
        _draw_comparison(canvas, group.style_index, comparison, scale, y=14)
    differences = _list_seed_differences(cell, group)
    for run, difference in zip(group.runs, differences, strict=True):
        canvas.add_seed(
            group.style_index,
            scale.locate(float(difference)),
            _HEIGHT / 2 if comparison is None else 31,
            title=f"{group.variant}, seed {run.results['seed']}: "
            f"{format_percent(run.results['test_accuracy'], 1)} % accuracy, "
            f"{format_rounded_points(difference / 100, 1)} points from the mean of {BASELINE}",
        )
    return canvas.render(_describe_row(group, differences))


def _draw_comparison(
    canvas: SvgCanvas, index: int, comparison: Comparison, scale: ForestScale, *, y: float
) -> None:
    """Draw the mean difference with the interval that decides."""
    low, high = comparison.deciding_interval
    if math.isfinite(low):
        canvas.add_interval(index, scale.locate(100 * low), scale.locate(100 * high), y)
    canvas.add_marker(index, scale.locate(100 * comparison.difference), y, 5.5)


def _describe_row(group: VariantRuns, differences: Any) -> str:
    """Return the numbers of a row for screen readers."""
    decimals = choose_point_decimals(
        group.comparison.deciding_interval if group.comparison else (math.nan, math.nan)
    )
    shown = [
        format_rounded_points(each / 100, decimals) for each in np.asarray(differences).tolist()
    ]
    if len(shown) > _MAX_LISTED_SEEDS:
        low, high = shown[int(np.argmin(differences))], shown[int(np.argmax(differences))]
        seeds = f"{len(shown)} seeds from {low} to {high}"
    else:
        seeds = f"seeds {', '.join(shown)}"
    if group.comparison is None:
        return f"{group.variant}: {seeds}"
    return f"{_describe_comparison(group.variant, group.comparison)}; {seeds}"


def _describe_comparison(name: str, comparison: Comparison) -> str:
    """Return difference and interval of a comparison for screen readers."""
    text = f"{name}: difference {format_difference(comparison)} points"
    if math.isfinite(comparison.deciding_interval[0]):
        text += f", interval {format_interval(comparison)}"
    return text
