"""Accuracy on images that get worse: a panel a condition, a line a variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy.typing as npt
from matplotlib.figure import Figure

from foveal.plotting.figure import Drawing
from foveal.plotting.map_comparison import STYLE
from foveal.plotting.style import HUES, INK, MARKERS

Array = npt.NDArray[Any]
ACROSS = 3


@dataclass(frozen=True, eq=False)
class Curve:
    """One line: the severities (M,), and for each seed the accuracy, (S, M), as fractions."""

    severity: Array
    accuracy: Array


@matplotlib.rc_context(STYLE)
def draw_robustness(
    curves: Mapping[str, Mapping[str, Curve]],
    *,
    looks: Mapping[str, Mapping[str, str]] | None = None,
    caption: str = "",
) -> Figure:
    """Draw the mean over the seeds of each variant, and as a band the range of the seeds.

    Args:
        curves: by condition, then by variant.
        looks: `color` and `marker` of each variant; by default they follow the order.
        caption: stands below the figure.
    """
    variants = list(next(iter(curves.values())))
    looks = looks or {name: in_order(place) for place, name in enumerate(variants)}
    down = -(-len(curves) // ACROSS)
    figure = Drawing(2.6 * ACROSS, 2.1 * down + 0.8)
    grid = figure.subplots(down, ACROSS, squeeze=False, sharey=True).ravel()
    for axes, (condition, by_variant) in zip(grid, curves.items(), strict=False):
        for variant, curve in by_variant.items():
            color = looks[variant]["color"]
            mean, low, high = (100 * part for part in (
                curve.accuracy.mean(0), curve.accuracy.min(0), curve.accuracy.max(0),
            ))  # fmt: skip
            axes.fill_between(curve.severity, low, high, color=color, alpha=0.15, linewidth=0)
            axes.plot(
                curve.severity,
                mean,
                color=color,
                marker=looks[variant]["marker"],
                markersize=3,
                linewidth=1.2,
                label=variant,
            )
        axes.set_title(condition, fontsize=9, fontweight="bold", loc="left")
        axes.set_xticks(by_variant[next(iter(by_variant))].severity)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(curves) :]:
        axes.set_axis_off()
    for axes in grid[::ACROSS]:
        axes.set_ylabel("test accuracy, %")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=ACROSS, frameon=False)
    figure.write_below(caption)
    return figure


def in_order(place: int) -> dict[str, str]:
    """Return color and marker by place; the first is drawn in ink."""
    color = INK if place == 0 else HUES[(place - 1) % len(HUES)]
    return {"color": color, "marker": MARKERS[place % len(MARKERS)]}
