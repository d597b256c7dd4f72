"""Loss and accuracy by epoch: all variants in one plot, and each variant beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from foveal.report.arms import Arm
from foveal.report.svg import MUTED, blank, house_style, look, to_svg
from foveal.report.words import short

FEW_EPOCHS: Final = 15
TITLES: Final = {"accuracy": "accuracy in %", "loss": "loss"}
FACTORS: Final = {"accuracy": 100, "loss": 1}


@house_style()
def overview(arms: Sequence[Arm], quantity: str) -> str:
    """Draw the test curve of every variant, and of a single one that of training too."""
    figure = blank(440, 310)
    axes = figure.add_subplot()
    for arm in arms:
        draw(
            axes, arm, f"test_{quantity}", linewidth=1.8, label=short(arm.variant, 24), **look(arm)
        )
        if len(arms) == 1:
            draw(
                axes,
                arm,
                f"train_{quantity}",
                linewidth=1.4,
                linestyle="--",
                fillstyle="none",
                color=MUTED,
            )
    finish(axes, title=("" if len(arms) == 1 else "test ") + TITLES[quantity])
    if len(arms) > 1:
        axes.legend(loc="lower right" if quantity == "accuracy" else "upper right")
    return to_svg(
        figure,
        name=f"overview-{quantity}",
        description=f"Test {quantity} by epoch: {', '.join(arm.variant for arm in arms)}.",
    )


@house_style()
def train_and_test(arm: Arm, arms: Sequence[Arm]) -> str:
    """Draw train and test curves of one variant over the baseline's test curve in grey.

    `arms` are all variants, so that every plot has the same scale.
    """
    figure = blank(230, 360)
    for axes, quantity in zip(figure.subplots(2, sharex=True), TITLES, strict=True):
        for baseline in (other for other in arms if other.place == 0 and other is not arm):
            draw(axes, baseline, f"test_{quantity}", linewidth=1.2, color=MUTED, alpha=0.7)
        draw(
            axes,
            arm,
            f"train_{quantity}",
            linewidth=1.2,
            linestyle="--",
            fillstyle="none",
            color=look(arm)["color"],
        )
        draw(axes, arm, f"test_{quantity}", linewidth=1.8, color=look(arm)["color"])
        axes.set_ylim(limits(arms, quantity))
        axes.set_ylabel(TITLES[quantity])
        finish(axes, title=short(arm.variant, 24) if quantity == "accuracy" else "")
    return to_svg(
        figure,
        name=f"train-and-test-{arm.place}",
        description=f"Train and test accuracy and loss by epoch of {arm.variant}.",
    )


def draw(axes: Axes, arm: Arm, column: str, *, marker: str = "", **line: Any) -> None:
    """Draw the mean of one column over the runs, and their range if there are several."""
    epochs = arm.runs[0].metrics["epoch"]
    values = FACTORS[column.partition("_")[2]] * arm.curves(column)
    if len(epochs) == 1:
        marker = marker or "o"
    if len(epochs) <= FEW_EPOCHS:
        line |= {"marker": marker, "markersize": 4.5}
    axes.plot(epochs, values.mean(axis=0), **line)
    if len(values) > 1:
        band = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, *band, color=line["color"], alpha=0.14, linewidth=0)


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


def limits(arms: Sequence[Arm], quantity: str) -> tuple[float, float]:
    """Return the ends of a scale on which every curve of every variant has room."""
    columns = [arm.curves(f"{part}_{quantity}") for arm in arms for part in ("train", "test")]
    values = FACTORS[quantity] * np.concatenate([column.ravel() for column in columns])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room
