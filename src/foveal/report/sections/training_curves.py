"""Loss and accuracy by epoch: all variants in one plot, and each variant beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foveal.analysis.variant_runs import VariantRuns
from foveal.plotting import MUTED_COLOR, add_tooltip, new_figure, report_style, variant_style
from foveal.report.blocks import Block, Fold, Picture, Section, Text, Tiles
from foveal.report.cell_view import Part
from foveal.text_format import shorten_name

FEW_EPOCHS: Final = 15
MOST_SEEDS_DRAWN: Final = 10
TITLES: Final = {"accuracy": "accuracy in %", "loss": "loss"}
FACTORS: Final = {"accuracy": 100, "loss": 1}


def curves_section(part: Part) -> Section:
    """Return the curves of all variants together, of each beside the baseline, and of each seed."""
    names = ", ".join(arm.variant for arm in part.arms)
    together = tuple(
        Picture(
            name=f"overview-{quantity}{part.suffix}",
            figure=overview(part.arms, quantity),
            description=f"Test {quantity} by epoch: {names}.",
        )
        for quantity in TITLES
    )
    blocks: list[Block] = [Tiles(together, size="pair")]
    if len(part.arms) > 1:
        each = tuple(
            Picture(
                name=f"train-and-test-{arm.place}{part.suffix}",
                figure=train_and_test(arm, part.arms),
                description=f"Train and test accuracy and loss by epoch of {arm.variant}.",
                of={"variant": arm.variant},
            )
            for arm in part.arms
        )
        blocks.append(Tiles(each, size="narrow"))
    blocks.append(Text(legend(part)))
    blocks += by_seed(part)
    return Section(f"curves{part.suffix}", part.titled("Loss and accuracy"), tuple(blocks))


def legend(part: Part) -> str:
    """Say what the lines are."""
    many_epochs = part.results["epochs"] > 1
    said = ["Solid: test. Dashed: train." if many_epochs else "Filled: test. Hollow: train."]
    if part.several:
        said.append(
            "Lines are means over the seeds, bands reach from the lowest to the highest seed."
        )
    if part.comparisons:
        said.append("Gray: the test curve of none.")
    return " ".join(said)


def by_seed(part: Part) -> list[Block]:
    """Return the test accuracy of all variants for each seed, where there are several."""
    seeds = sorted({seed for arm in part.arms for seed in arm.seeds})
    if len(seeds) < 2:
        return []
    drawn = tuple(
        Picture(
            name=f"seed-{seed}{part.suffix}",
            figure=of_seed(part.arms, seed),
            description=f"Test accuracy by epoch of all variants, seed {seed}.",
            of={"seed": str(seed)},
        )
        for seed in seeds[:MOST_SEEDS_DRAWN]
    )
    left = f", the first {MOST_SEEDS_DRAWN}" if len(seeds) > MOST_SEEDS_DRAWN else ""
    said = (
        "All variants of a seed start from the same backbone and see the same batches, so these lines may "
        "be held against each other one by one; a verdict needs all seeds."
    )
    return [Fold(f"Seed by seed{left}", (Text(said), Tiles(drawn)))]


@report_style()
def of_seed(arms: Sequence[VariantRuns], seed: int) -> Figure:
    """Draw the test accuracy of one run of each variant."""
    figure = new_figure(340, 250)
    axes = figure.add_subplot()
    for arm in arms:
        for run in (run for run in arm.runs if run.results["seed"] == seed):
            line = variant_style(arm.place) | {
                "linewidth": 1.6,
                "label": shorten_name(arm.variant, 24),
            }
            draw_values(
                axes, run.metrics["epoch"], run.metrics["test_accuracy"][None] * 100, **line
            )
    finish(axes, title=f"seed {seed}, test accuracy in %")
    axes.legend(loc="best", fontsize=10)
    return figure


@report_style()
def overview(arms: Sequence[VariantRuns], quantity: str) -> Figure:
    """Draw the test curve of every variant, and of a single one that of training too."""
    figure = new_figure(440, 310)
    axes = figure.add_subplot()
    for arm in arms:
        draw(
            axes,
            arm,
            f"test_{quantity}",
            linewidth=1.8,
            label=shorten_name(arm.variant, 24),
            **variant_style(arm.place),
        )
        if len(arms) == 1:
            draw(
                axes,
                arm,
                f"train_{quantity}",
                linewidth=1.4,
                linestyle="--",
                fillstyle="none",
                color=MUTED_COLOR,
            )
    finish(axes, title=("" if len(arms) == 1 else "test ") + TITLES[quantity])
    if len(arms) > 1:
        axes.legend(loc="best")
    return figure


@report_style()
def train_and_test(arm: VariantRuns, arms: Sequence[VariantRuns]) -> Figure:
    """Draw train and test curves of one variant over the baseline's test curve in gray.

    `arms` are all variants, so that every plot has the same scale.
    """
    figure = new_figure(230, 360)
    for axes, quantity in zip(figure.subplots(2, sharex=True), TITLES, strict=True):
        for baseline in (other for other in arms if other.place == 0 and other is not arm):
            draw(axes, baseline, f"test_{quantity}", linewidth=1.2, color=MUTED_COLOR, alpha=0.7)
        draw(
            axes,
            arm,
            f"train_{quantity}",
            linewidth=1.2,
            linestyle="--",
            fillstyle="none",
            color=variant_style(arm.place)["color"],
        )
        draw(axes, arm, f"test_{quantity}", linewidth=1.8, color=variant_style(arm.place)["color"])
        axes.set_ylim(limits(arms, quantity))
        axes.set_ylabel(TITLES[quantity])
        finish(axes, title=shorten_name(arm.variant, 24) if quantity == "accuracy" else "")
    return figure


def draw(axes: Axes, arm: VariantRuns, column: str, *, marker: str = "", **line: Any) -> None:
    """Draw the mean of one column over the runs, and their range if there are several."""
    values = FACTORS[column.partition("_")[2]] * arm.curves(column)
    drawn = draw_values(axes, arm.runs[0].metrics["epoch"], values, marker=marker, **line)
    what = column.replace("_", " ")
    add_tooltip(drawn, f"{arm.variant}, {what}, at the end {values[:, -1].mean():.4g}")


def draw_values(
    axes: Axes, epochs: Any, values: Any, *, marker: str = "", **line: Any
) -> list[Line2D]:
    """Draw the mean of values (R, E) over their rows, and their range if there are several."""
    if len(epochs) == 1:
        marker = marker or "o"
    if len(epochs) <= FEW_EPOCHS:
        line |= {"marker": marker, "markersize": 4.5}
    drawn = axes.plot(epochs, values.mean(axis=0), **line)
    if len(values) > 1:
        band = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, *band, color=line["color"], alpha=0.14, linewidth=0)
    return drawn


def finish(axes: Axes, *, title: str) -> None:
    """Give axes the grid, the ticks and the words that all curves have."""
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.label_outer()
    low, high = axes.get_xlim()
    if high - low < 1:
        axes.set_xlim(low - 0.5, high + 0.5)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    axes.grid(axis="y")


def limits(arms: Sequence[VariantRuns], quantity: str) -> tuple[float, float]:
    """Return the ends of a scale on which every curve of every variant has room."""
    columns = [arm.curves(f"{part}_{quantity}") for arm in arms for part in ("train", "test")]
    values = FACTORS[quantity] * np.concatenate([column.ravel() for column in columns])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room
