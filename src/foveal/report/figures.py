"""The figures of the report: each takes variants and returns one SVG element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from foveal.drawing.palette import INK
from foveal.report.arms import Arm, rates
from foveal.report.svg import MUTED, RULE, blank, house_style, look, to_svg
from foveal.report.words import short

MOST_CLASSES_IN_PLOT: Final = 20


@house_style()
def forest_plot(arms: Sequence[Arm]) -> str:
    """Draw the difference of each variant to the baseline with its interval, and the margin."""
    compared = [(arm, arm.comparison) for arm in arms if arm.comparison]
    figure = blank(480, 60 + 28 * len(compared))
    axes = figure.add_subplot()
    margin = 100 * compared[0][1].margin
    axes.axvspan(-margin, margin, color=RULE, alpha=0.5, linewidth=0)
    axes.axvline(0, color=INK, linewidth=1)
    for row, (arm, comparison) in enumerate(compared):
        low, high = comparison.interval
        if not math.isnan(low):
            axes.plot([100 * low, 100 * high], [row, row], color=look(arm)["color"], linewidth=2)
        axes.plot(100 * comparison.difference, row, markersize=7, linestyle="none", **look(arm))
    axes.set_yticks(range(len(compared)), [short(arm.variant, 24) for arm, _ in compared])
    axes.set_ylim(len(compared) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("points of test accuracy")
    return to_svg(
        figure,
        name="forest",
        description="Difference to none with its interval by variant, as in the table.",
    )


@house_style()
def confusion_matrix(arm: Arm, *, largest_error: float) -> str:
    """Draw in percent of each true class where its images went, summed over the runs.

    Shades of right answers go up to 100 %, those of errors to `largest_error`, a fraction, so
    that matrices of several variants can be compared by eye.
    """
    shares = rates(arm.confusion)
    size = len(shares)
    with_text = size <= MOST_CLASSES_IN_PLOT
    side = max(29 * size, 120) if with_text else 330
    figure = blank(side + 110, side + 125)
    axes = figure.add_subplot()
    axes.imshow(shaded(shares, largest_error), interpolation="none")
    axes.set_title(short(arm.variant, 36))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if with_text:
        names = [short(name, 12) for name in arm.classes]
        axes.set_xticks(range(size), names, rotation=90)
        axes.set_yticks(range(size), names)
        for row, column in zip(*np.nonzero(np.rint(100 * shares) >= 1), strict=True):
            text = f"{100 * shares[row, column]:.0f}"
            axes.text(
                column, row, text, ha="center", va="center_baseline", fontsize=10, in_layout=False
            )
    return to_svg(
        figure,
        name=f"confusion-{arm.place}",
        description=f"Confusion matrix of {arm.variant}.",
    )


def shaded(shares: Any, largest_error: float) -> Any:
    """Return the colours of a confusion matrix, RGBA (K, K, 4): transparent where nothing went.

    No shade is so strong that text in ink could not be read on it, on light paper or dark.
    """
    strongest = 0.75
    right = np.eye(len(shares), dtype=bool)
    colours = np.empty((*shares.shape, 4))
    colours[right, :3] = (0x00, 0x72, 0xB2)
    colours[~right, :3] = (0xD5, 0x5E, 0x00)
    colours[..., :3] /= 255
    scale = np.where(right, 1.0, max(largest_error, 1e-9))
    colours[..., 3] = strongest * np.clip(np.nan_to_num(shares) / scale, 0, 1)
    return colours


@house_style()
def class_accuracy(arms: Sequence[Arm]) -> str:
    """Draw the accuracy in each class, hardest first: mean of each variant, and range over runs."""
    everywhere = np.mean([arm.class_accuracies.mean(axis=0) for arm in arms], axis=0)
    hardest = np.argsort(everywhere, kind="stable")[:MOST_CLASSES_IN_PLOT]
    figure = blank(480, 70 + len(hardest) * (10 + 7 * len(arms)))
    axes = figure.add_subplot()
    for place, arm in enumerate(arms):
        rows = np.arange(len(hardest)) + 0.7 * ((place + 0.5) / len(arms) - 0.5)
        values = 100 * arm.class_accuracies[:, hardest]
        axes.hlines(
            rows, values.min(axis=0), values.max(axis=0), color=look(arm)["color"], linewidth=1.2
        )
        axes.plot(
            values.mean(axis=0),
            rows,
            linestyle="none",
            markersize=5,
            label=arm.variant,
            **look(arm),
        )
    for edge in range(1, len(hardest)):
        axes.axhline(edge - 0.5, color=RULE, linewidth=0.8)
    names = [short(arms[0].classes[place]) for place in hardest]
    axes.set_yticks(range(len(hardest)), names)
    axes.set_ylim(len(hardest) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy in the class in %", color=MUTED)
    figure.legend(loc="outside upper left", ncols=3)
    return to_svg(
        figure,
        name="classes",
        description="Accuracy in each class by variant; the table below has the numbers.",
    )
