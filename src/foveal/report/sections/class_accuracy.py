"""Class accuracy section: test accuracy of each variant in each class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foveal.analysis import VariantRuns
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    add_tooltip,
    get_variant_style,
    new_figure,
    use_report_style,
)
from foveal.report.blocks import Block, Collapsible, FigureBlock, Section, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.sections.confusion import MAX_CLASSES_IN_FIGURE
from foveal.stats import compute_mean_interval
from foveal.text_format import format_percent, shorten_name
from foveal.text_tables import Table


def build_class_accuracy_section(cell: CellView) -> Section:
    """Return a plot of the hardest classes and a table of all classes."""
    size = len(cell.classes)
    shown = (
        f"The {MAX_CLASSES_IN_FIGURE} hardest of {size} classes, hardest first."
        if size > MAX_CLASSES_IN_FIGURE
        else "Hardest class first."
    )
    marks = (
        " Points are means over the seeds, lines range from the lowest to the highest seed."
        if cell.has_several_seeds
        else ""
    )
    plot = FigureBlock(
        name=f"classes{cell.suffix}",
        figure=_draw_class_accuracies(cell.groups),
        description="Accuracy in each class, by variant. The table below has the numbers.",
        caption=f"{shown}{marks}",
        width="column",
    )
    table: Block = _build_class_table(cell)
    if size > MAX_CLASSES_IN_FIGURE:
        table = Collapsible(f"All {size} classes", (table,))
    return Section(f"classes{cell.suffix}", cell.add_label("Accuracy by class"), (plot, table))


def _build_class_table(cell: CellView) -> TableBlock:
    """Return a table with one row per class and one column per variant."""
    rows = [
        (name, *(_format_class_accuracy(group, label) for group in cell.groups))
        for label, name in enumerate(cell.classes)
    ]
    note = "Test accuracy in each class in %"
    if cell.has_several_seeds:
        note += (
            ": mean over the seeds. Below it, from three seeds on, is Student's 95 % interval of the mean over "
            "other seeds on these images; with fewer seeds, the lowest and the highest seed. Do not compare "
            "two of these intervals. A class is a small part of the test set, and among many classes some "
            "differ by chance"
        )
    headings = ("class", *(group.variant for group in cell.groups))
    table = Table("Accuracy by class", headings, tuple(rows), f"{note}.")
    return TableBlock(f"classes{cell.suffix}", table)


def _format_class_accuracy(group: VariantRuns, label: int) -> str:
    """Return the accuracy of a variant in one class, with its interval or its range over the seeds."""
    values = group.class_accuracies[:, label]
    mean = format_percent(float(values.mean()), 1)
    if len(values) == 1 or math.isnan(values.mean()):
        return mean
    low, high = (values.min(), values.max()) if len(values) < 3 else compute_mean_interval(values)
    return f"{mean}\n{format_percent(max(0.0, low), 1)} to {format_percent(min(1.0, high), 1)}"


@use_report_style()
def _draw_class_accuracies(groups: Sequence[VariantRuns]) -> Figure:
    """Draw the accuracy in the hardest classes: mean of each variant and range over its runs."""
    overall = np.mean([group.class_accuracies.mean(axis=0) for group in groups], axis=0)
    hardest = np.argsort(overall, kind="stable")[:MAX_CLASSES_IN_FIGURE]
    figure = new_figure(480, 70 + len(hardest) * (10 + 7 * len(groups)))
    axes = figure.add_subplot()
    for index, group in enumerate(groups):
        style = get_variant_style(group.style_index)
        rows = np.arange(len(hardest)) + 0.7 * ((index + 0.5) / len(groups) - 0.5)
        values = 100 * group.class_accuracies[:, hardest]
        axes.hlines(
            rows, values.min(axis=0), values.max(axis=0), color=style["color"], linewidth=1.2
        )
        points = axes.plot(
            values.mean(axis=0),
            rows,
            linestyle="none",
            markersize=5,
            label=group.variant,
            **style,
        )
        add_tooltip(points, group.variant)
    for edge in range(1, len(hardest)):
        axes.axhline(edge - 0.5, color=GRID_COLOR, linewidth=0.8)
    names = [shorten_name(groups[0].classes[label]) for label in hardest]
    axes.set_yticks(range(len(hardest)), names)
    axes.set_ylim(len(hardest) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy in the class in %", color=MUTED_COLOR)
    figure.legend(loc="outside upper left", ncols=3)
    return figure
