"""Accuracy in each class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foveal.analysis.variant_runs import VariantRuns
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    add_tooltip,
    new_figure,
    report_style,
    variant_style,
)
from foveal.report.blocks import Block, Fold, Picture, Section, Table
from foveal.report.cell_view import Part
from foveal.report.sections.confusion import MOST_CLASSES_IN_PLOT
from foveal.stats import compute_mean_interval
from foveal.text_format import format_percent, shorten_name
from foveal.text_tables import Table as TextTable


def classes_section(part: Part) -> Section:
    """Return the plot of the hardest classes and the table of all."""
    size = len(part.classes)
    hardest = (
        f", the {MOST_CLASSES_IN_PLOT} hardest of {size}" if size > MOST_CLASSES_IN_PLOT else ""
    )
    seeds = "" if not part.several else " Point: mean over the seeds. Line: lowest to highest seed."
    plot = Picture(
        name=f"classes{part.suffix}",
        figure=class_accuracy(part.arms),
        description="Accuracy in each class by variant; the table below has the numbers.",
        caption=f"Hardest class first{hardest}.{seeds}",
        width="column",
    )
    table: Block = class_table(part)
    if size > MOST_CLASSES_IN_PLOT:
        table = Fold(f"All {size} classes", (table,))
    return Section(f"classes{part.suffix}", part.titled("Accuracy by class"), (plot, table))


def class_table(part: Part) -> Table:
    """Return one row a class and one column a variant."""
    rows = [
        (name, *(class_cell(arm, place) for arm in part.arms))
        for place, name in enumerate(part.classes)
    ]
    note = "Test accuracy in each class in %"
    if part.several:
        note += (
            ": mean over the seeds and, below it, Student's 95 % interval of the mean over other seeds on "
            "these images, from three seeds on, else the lowest and the highest seed. Two of them are not to "
            "be held against each other. A class is a small part of the test set, and of many classes some "
            "differ by chance"
        )
    headings = ("class", *(arm.variant for arm in part.arms))
    table = TextTable("Accuracy by class", headings, tuple(rows), f"{note}.")
    return Table(f"classes{part.suffix}", table)


def class_cell(arm: VariantRuns, place: int) -> str:
    """Return the accuracy of a variant in one class, and its interval or range over the seeds."""
    values = arm.class_accuracies[:, place]
    mean = format_percent(float(values.mean()), 1)
    if len(values) == 1 or math.isnan(values.mean()):
        return mean
    few = len(values) < 3
    low, high = (values.min(), values.max()) if few else compute_mean_interval(values)
    return f"{mean}\n{format_percent(max(0.0, low), 1)} to {format_percent(min(1.0, high), 1)}"


@report_style()
def class_accuracy(arms: Sequence[VariantRuns]) -> Figure:
    """Draw the accuracy in each class, hardest first: mean of each variant, and range over runs."""
    everywhere = np.mean([arm.class_accuracies.mean(axis=0) for arm in arms], axis=0)
    hardest = np.argsort(everywhere, kind="stable")[:MOST_CLASSES_IN_PLOT]
    figure = new_figure(480, 70 + len(hardest) * (10 + 7 * len(arms)))
    axes = figure.add_subplot()
    for place, arm in enumerate(arms):
        rows = np.arange(len(hardest)) + 0.7 * ((place + 0.5) / len(arms) - 0.5)
        values = 100 * arm.class_accuracies[:, hardest]
        axes.hlines(
            rows,
            values.min(axis=0),
            values.max(axis=0),
            color=variant_style(arm.place)["color"],
            linewidth=1.2,
        )
        drawn = axes.plot(
            values.mean(axis=0),
            rows,
            linestyle="none",
            markersize=5,
            label=arm.variant,
            **variant_style(arm.place),
        )
        add_tooltip(drawn, arm.variant)
    for edge in range(1, len(hardest)):
        axes.axhline(edge - 0.5, color=GRID_COLOR, linewidth=0.8)
    names = [shorten_name(arms[0].classes[place]) for place in hardest]
    axes.set_yticks(range(len(hardest)), names)
    axes.set_ylim(len(hardest) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy in the class in %", color=MUTED_COLOR)
    figure.legend(loc="outside upper left", ncols=3)
    return figure
