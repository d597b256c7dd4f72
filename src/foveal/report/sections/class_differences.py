"""Per class section: the accuracy of each variant in each class, minus that of the baseline."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from foveal.analysis import ClassDifference, VariantRuns
from foveal.plotting import SvgCanvas, format_tick, get_hue
from foveal.report.blocks import (
    Block,
    FigureBlock,
    FigureGrid,
    Fold,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.report.sections.class_explanation import explain_classes, format_class_interval
from foveal.report.sections.class_order import (
    compute_class_differences,
    list_class_differences,
    select_common_seeds,
    sort_by_mean,
)
from foveal.text_format import (
    ABSENT_VALUE,
    format_percent,
    format_rounded_points,
    shorten_name,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

_MAX_CLASSES: Final = 20
_WIDTH: Final = 262.0
_LEFT, _RIGHT, _TOP = 90.0, 252.0, 26.0
_ROW_HEIGHT: Final = 22.0
_MAX_PANELS_IN_ROW: Final = 4


def build_class_section(cell: CellView) -> Section:
    """Return a panel of differences per variant, and the table of all accuracies folded."""
    table = TableBlock(f"classes{cell.suffix}", _build_class_table(cell))
    blocks: list[Block] = []
    groups = cell.compared_groups if cell.baseline and cell.comparisons else ()
    if groups and cell.baseline:
        differences = {
            group.variant: compute_class_differences(group, cell.baseline) for group in groups
        }
        means = np.stack([values.mean(axis=0) for values in differences.values()])
        order = _choose_classes(means.mean(axis=0))
        blocks.append(Paragraph(explain_classes(cell, groups, means, len(order))))
        ticks = _choose_axis(differences, order)
        figures = tuple(
            _draw_panel(
                cell,
                select_common_seeds(group, cell.baseline)[0],
                differences[group.variant],
                order,
                ticks,
            )
            for group in groups
        )
        blocks.append(FigureGrid(figures, _MAX_PANELS_IN_ROW, is_stacked_on_phones=True))
    else:
        blocks.append(Paragraph("Accuracy in each class; differences need runs of `none`."))
    tables = [*_build_difference_table(cell), table]
    hint = "differences with intervals, accuracies" if len(tables) > 1 else "table"
    blocks.append(Fold("Every class and variant", hint, tuple(tables)))
    return Section(f"classes{cell.suffix}", "Per class", tuple(blocks))


def _choose_classes(means: Any) -> list[int]:
    """Return the classes in the order of their mean difference; of many, the ten highest and lowest.

    >>> _choose_classes(np.array([0.1, 0.3, -0.2]))
    [1, 0, 2]
    """
    order = [label for label in sort_by_mean(means) if not math.isnan(means[label])]
    half = _MAX_CLASSES // 2
    return order if len(order) <= _MAX_CLASSES else [*order[:half], *order[-half:]]


def _choose_axis(differences: dict[str, Any], order: list[int]) -> list[float]:
    """Return the ticks of an axis with all seeds of the shown classes, equally far to both sides."""
    shown = np.concatenate([values[:, order].ravel() for values in differences.values()])
    finite = np.abs(shown[np.isfinite(shown)])
    limit = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    step = next(
        step * 10.0**power
        for power in range(-2, 4)
        for step in (1, 2, 2.5, 4, 5)
        if 2 * step * 10.0**power >= limit
    )
    return [float(np.round(step * number, 6)) for number in range(-2, 3)]


def _build_difference_table(cell: CellView) -> list[TableBlock]:
    """Return a table of the differences by class with their intervals; empty without intervals."""
    compared = list_class_differences(cell)
    if not compared or not cell.has_intervals:
        return []
    rows = tuple(
        (name, *(_format_class_difference(classes[label]) for _, classes in compared))
        for label, name in enumerate(cell.classes)
    )
    headings = ("class", *(comparison.variant for comparison, _ in compared))
    note = (
        f"Accuracy in the class minus that of {BASELINE}, in points. The intervals of all classes and "
        "all variants "
        "hold together in 95 % of studies."
    )
    table = Table("Differences by class", headings, rows, note)
    return [TableBlock(f"class-differences{cell.suffix}", table)]


def _format_class_difference(each: ClassDifference) -> str:
    """Return the difference in one class with its interval in a second line."""
    if math.isnan(each.difference):
        return ABSENT_VALUE
    difference = format_rounded_points(each.difference, 1)
    if math.isnan(each.interval[0]):
        return difference
    return f"{difference}\n{format_class_interval(each)}"


def _draw_panel(
    cell: CellView, group: VariantRuns, values: Any, order: list[int], ticks: list[float]
) -> FigureBlock:
    """Draw the differences of one variant, one class below the other."""
    bottom = _TOP + _ROW_HEIGHT * len(order)
    canvas = SvgCanvas(_WIDTH, bottom + 22)
    canvas.add_marker(group.style_index, _LEFT - 12, 12, 4.5)
    canvas.add_text(_LEFT, 16, shorten_name(group.variant, 20), "tt")

    def locate(points: float) -> float:
        return _LEFT + 8 + (points - ticks[0]) / (ticks[-1] - ticks[0]) * (_RIGHT - _LEFT - 16)

    for tick in ticks:
        x = locate(tick)
        canvas.add_line(x, _TOP, x, bottom, "zero" if tick == 0 else "grid")
        canvas.add_text(x, bottom + 16, format_tick(tick, signed=True), anchor="middle")
    means = values.mean(axis=0)
    for row, label in enumerate(order):
        y = _TOP + _ROW_HEIGHT * (row + 0.5)
        name = cell.classes[label]
        canvas.add_text(_LEFT - 6, y + 4, shorten_name(name, 14), anchor="end")
        seeds = values[:, label]
        if len(seeds) > 1:
            ends = [(locate(float(seeds.min())), y), (locate(float(seeds.max())), y)]
            canvas.add_curve(ends, f"s v{get_hue(group.style_index)}", index=group.style_index)
            for seed, value in zip(group.seeds, seeds, strict=True):
                title = (
                    f"{name}, seed {seed}: {format_rounded_points(float(value) / 100, 1)} points"
                )
                canvas.add_seed(group.style_index, locate(float(value)), y, title=title, radius=2.6)
        title = f"{name}: {format_rounded_points(float(means[label]) / 100, 1)} points"
        canvas.add_marker(group.style_index, locate(float(means[label])), y, 4, title=title)
    shown = "; ".join(
        f"{cell.classes[label]} {format_rounded_points(float(means[label]) / 100, 0)}"
        for label in order
    )
    description = f"Difference from {BASELINE} by class, in points, {group.variant}: {shown}"
    return FigureBlock(
        f"classes-{group.style_index}{cell.suffix}", canvas.render(description), description
    )


def _build_class_table(cell: CellView) -> Table:
    """Return a table with one row per class and one column per variant."""
    rows = [
        (name, *(_format_class_accuracy(group, label) for group in cell.groups))
        for label, name in enumerate(cell.classes)
    ]
    note = "Test accuracy in each class in %"
    note += (
        ": mean over the seeds, and the lowest to the highest seed."
        if cell.has_several_seeds
        else "."
    )
    headings = ("class", *(group.variant for group in cell.groups))
    return Table("Accuracy by class", headings, tuple(rows), note)


def _format_class_accuracy(group: VariantRuns, label: int) -> str:
    """Return the accuracy of a variant in one class, with its range over the seeds."""
    values = group.class_accuracies[:, label]
    mean = float(values.mean())
    if math.isnan(mean):
        return ABSENT_VALUE
    if len(values) == 1:
        return format_percent(mean, 1)
    low, high = float(values.min()), float(values.max())
    return f"{format_percent(mean, 1)}\n{format_percent(low, 1)} to {format_percent(high, 1)}"
