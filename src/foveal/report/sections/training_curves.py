"""Training curves section: loss and accuracy by epoch, together, by variant and by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foveal.analysis import VariantRuns
from foveal.plotting import (
    MUTED_COLOR,
    add_tooltip,
    get_variant_style,
    new_figure,
    use_report_style,
)
from foveal.report.blocks import Block, Collapsible, FigureBlock, FigureGrid, Paragraph, Section
from foveal.report.cell_view import CellView
from foveal.text_format import shorten_name
from foveal.variant_names import BASELINE

_MAX_EPOCHS_WITH_MARKERS: Final = 15
_MAX_SEED_FIGURES: Final = 10
_AXIS_TITLES: Final = {"accuracy": "accuracy in %", "loss": "loss"}
_PERCENT_FACTORS: Final = {"accuracy": 100, "loss": 1}


def build_training_curves_section(cell: CellView) -> Section:
    """Return the curves of all variants together, of each variant, and of each seed."""
    names = ", ".join(group.variant for group in cell.groups)
    overviews = tuple(
        FigureBlock(
            name=f"overview-{quantity}{cell.suffix}",
            figure=_draw_curves_of_variants(cell.groups, quantity),
            description=f"Test {quantity} by epoch: {names}.",
        )
        for quantity in _AXIS_TITLES
    )
    blocks: list[Block] = [FigureGrid(overviews, size="pair")]
    if len(cell.groups) > 1:
        by_variant = tuple(
            FigureBlock(
                name=f"train-and-test-{group.style_index}{cell.suffix}",
                figure=_draw_train_and_test(group, cell.groups),
                description=f"Train and test accuracy and loss by epoch of {group.variant}.",
                filters={"variant": group.variant},
            )
            for group in cell.groups
        )
        blocks.append(FigureGrid(by_variant, size="narrow"))
    blocks.append(Paragraph(_explain_lines(cell)))
    blocks += _build_seed_figures(cell)
    return Section(f"curves{cell.suffix}", cell.add_label("Loss and accuracy"), tuple(blocks))


def _explain_lines(cell: CellView) -> str:
    """Return the explanation of line styles, bands and colors."""
    has_lines = cell.shared_results["epochs"] > 1
    sentences = [
        "Solid lines are test, dashed lines are train values."
        if has_lines
        else "Filled points are test, hollow points are train values."
    ]
    if cell.has_several_seeds:
        sentences.append(
            "Lines are means over the seeds, and bands range from the lowest to the highest seed."
        )
    if cell.comparisons:
        sentences.append(f"Gray lines are the test curve of {BASELINE}.")
    return " ".join(sentences)


def _build_seed_figures(cell: CellView) -> list[Block]:
    """Return the test accuracy of all variants for each seed; empty for a single seed."""
    seeds = sorted({seed for group in cell.groups for seed in group.seeds})
    if len(seeds) < 2:
        return []
    figures = tuple(
        FigureBlock(
            name=f"seed-{seed}{cell.suffix}",
            figure=_draw_seed_curves(cell.groups, seed),
            description=f"Test accuracy by epoch of all variants, seed {seed}.",
            filters={"seed": str(seed)},
        )
        for seed in seeds[:_MAX_SEED_FIGURES]
    )
    limit = f", the first {_MAX_SEED_FIGURES}" if len(seeds) > _MAX_SEED_FIGURES else ""
    explanation = (
        "All variants of a seed start from the same backbone and see the same batches, so these lines can be "
        "compared one by one. A verdict needs all seeds."
    )
    return [Collapsible(f"Seed by seed{limit}", (Paragraph(explanation), FigureGrid(figures)))]


@use_report_style()
def _draw_seed_curves(groups: Sequence[VariantRuns], seed: int) -> Figure:
    """Draw the test accuracy of the run of each variant with this seed."""
    figure = new_figure(340, 250)
    axes = figure.add_subplot()
    for group in groups:
        for run in (run for run in group.runs if run.results["seed"] == seed):
            line = get_variant_style(group.style_index) | {
                "linewidth": 1.6,
                "label": shorten_name(group.variant, 24),
            }
            accuracies = run.metrics["test_accuracy"][None] * 100
            _draw_mean_and_range(axes, run.metrics["epoch"], accuracies, **line)
    _style_axes(axes, title=f"seed {seed}, test accuracy in %")
    axes.legend(loc="best", fontsize=10)
    return figure


@use_report_style()
def _draw_curves_of_variants(groups: Sequence[VariantRuns], quantity: str) -> Figure:
    """Draw the test curve of every variant; a single variant also gets its train curve."""
    figure = new_figure(440, 310)
    axes = figure.add_subplot()
    for group in groups:
        _draw_curve(
            axes,
            group,
            f"test_{quantity}",
            linewidth=1.8,
            label=shorten_name(group.variant, 24),
            **get_variant_style(group.style_index),
        )
        if len(groups) == 1:
            _draw_curve(
                axes,
                group,
                f"train_{quantity}",
                linewidth=1.4,
                linestyle="--",
                fillstyle="none",
                color=MUTED_COLOR,
            )
    _style_axes(axes, title=("" if len(groups) == 1 else "test ") + _AXIS_TITLES[quantity])
    if len(groups) > 1:
        axes.legend(loc="best")
    return figure


@use_report_style()
def _draw_train_and_test(group: VariantRuns, groups: Sequence[VariantRuns]) -> Figure:
    """Draw train and test curves of one variant over the test curve of the baseline in gray.

    `groups` contains all variants, so that every plot has the same scale.
    """
    figure = new_figure(230, 360)
    color = get_variant_style(group.style_index)["color"]
    for axes, quantity in zip(figure.subplots(2, sharex=True), _AXIS_TITLES, strict=True):
        for baseline in (
            other for other in groups if other.style_index == 0 and other is not group
        ):
            _draw_curve(
                axes, baseline, f"test_{quantity}", linewidth=1.2, color=MUTED_COLOR, alpha=0.7
            )
        _draw_curve(
            axes,
            group,
            f"train_{quantity}",
            linewidth=1.2,
            linestyle="--",
            fillstyle="none",
            color=color,
        )
        _draw_curve(axes, group, f"test_{quantity}", linewidth=1.8, color=color)
        axes.set_ylim(_compute_limits(groups, quantity))
        axes.set_ylabel(_AXIS_TITLES[quantity])
        _style_axes(axes, title=shorten_name(group.variant, 24) if quantity == "accuracy" else "")
    return figure


def _draw_curve(
    axes: Axes, group: VariantRuns, column: str, *, marker: str = "", **line: Any
) -> None:
    """Draw the mean of one metrics column over the runs of a variant, and their range."""
    values = _PERCENT_FACTORS[column.partition("_")[2]] * group.get_metrics(column)
    lines = _draw_mean_and_range(
        axes, group.runs[0].metrics["epoch"], values, marker=marker, **line
    )
    name = column.replace("_", " ")
    add_tooltip(lines, f"{group.variant}, final {name} {values[:, -1].mean():.4g}")


def _draw_mean_and_range(
    axes: Axes, epochs: Any, values: Any, *, marker: str = "", **line: Any
) -> list[Line2D]:
    """Draw the mean of values (R, E) over the runs, and their range for several runs."""
    if len(epochs) == 1:
        marker = marker or "o"
    if len(epochs) <= _MAX_EPOCHS_WITH_MARKERS:
        line |= {"marker": marker, "markersize": 4.5}
    lines = axes.plot(epochs, values.mean(axis=0), **line)
    if len(values) > 1:
        band = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, *band, color=line["color"], alpha=0.14, linewidth=0)
    return lines


def _style_axes(axes: Axes, *, title: str) -> None:
    """Set the title, the ticks and the grid that all curves share."""
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.label_outer()
    low, high = axes.get_xlim()
    if high - low < 1:
        axes.set_xlim(low - 0.5, high + 0.5)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    axes.grid(axis="y")


def _compute_limits(groups: Sequence[VariantRuns], quantity: str) -> tuple[float, float]:
    """Return the limits of a y axis that fits the curves of all variants."""
    columns = [
        group.get_metrics(f"{split}_{quantity}") for group in groups for split in ("train", "test")
    ]
    values = _PERCENT_FACTORS[quantity] * np.concatenate([column.ravel() for column in columns])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    padding = 0.05 * (high - low) or 0.5
    return low - padding, high + padding
