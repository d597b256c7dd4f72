"""Rows of the table of results: accuracy, part of the forest plot, difference, verdict and cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from foveal.analysis import VariantRuns, describe_variant
from foveal.report.cell_view import TIME_KEYS, CellView
from foveal.report.forest_plot import ForestScale, draw_contrast_row, draw_variant_row
from foveal.report.number_text import (
    describe_basis,
    format_change,
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
    shorten_name,
)
from foveal.variant_names import (
    BASELINE,
    CONTROLS,
    get_controlled_variant,
    get_variant_name,
)

_MAX_NAME_LENGTH: Final = 18


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
        svg=Markup("") if scale is None else draw_variant_row(cell, group, scale),
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
    svg = Markup("") if scale is None else draw_contrast_row(group.style_index, comparison, scale)
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
        elif key in TIME_KEYS and not cell.has_reliable_times:
            entries.append(CostEntry(label, "?", "not reliable", 0.0))
        else:
            change = format_change(value, baseline.get(key, 0))
            entries.append(CostEntry(label, form.format(value / divisor), change, value))
    return entries
