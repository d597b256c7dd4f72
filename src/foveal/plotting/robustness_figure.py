"""Figure of robustness: accuracy by severity, one panel per condition, one line per variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import matplotlib
import numpy.typing as npt
from matplotlib.figure import Figure

from foveal.plotting.figure import NotebookFigure
from foveal.plotting.style import PANEL_STYLE, get_variant_style

_Array = npt.NDArray[Any]
_PANELS_PER_ROW = 3
_PANEL_SIZE = (2.6, 2.1)  # width and height in inches
_LEGEND_HEIGHT = 0.8


class AccuracyCurve(Protocol):
    """Curve of one variant: severities (M,), and accuracies as fractions, one row per seed, (S, M)."""

    @property
    def severity(self) -> _Array:
        """Severities, (M,)."""

    @property
    def accuracy(self) -> _Array:
        """Accuracies, (S, M)."""


@matplotlib.rc_context(PANEL_STYLE)
def draw_robustness_curves(
    curves: Mapping[str, Mapping[str, AccuracyCurve]],
    *,
    styles: Mapping[str, Mapping[str, str]] | None = None,
    caption: str = "",
) -> Figure:
    """Draw the mean over the seeds of each variant as a line, and the range over the seeds as a band.

    Args:
        curves: by condition, then by variant.
        styles: `color` and `marker` of each variant; by default `get_variant_style` in the given order.
        caption: text below the figure.
    """
    variants = list(next(iter(curves.values())))
    styles = styles or {name: get_variant_style(index) for index, name in enumerate(variants)}
    rows = -(-len(curves) // _PANELS_PER_ROW)
    width, height = _PANEL_SIZE
    figure = NotebookFigure(width * _PANELS_PER_ROW, height * rows + _LEGEND_HEIGHT)
    grid = figure.subplots(rows, _PANELS_PER_ROW, squeeze=False, sharey=True).ravel()
    for axes, (condition, variant_curves) in zip(grid, curves.items(), strict=False):
        for variant, curve in variant_curves.items():
            color = styles[variant]["color"]
            mean, low, high = (100 * accuracy for accuracy in (
                curve.accuracy.mean(0), curve.accuracy.min(0), curve.accuracy.max(0),
            ))  # fmt: skip
            axes.fill_between(curve.severity, low, high, color=color, alpha=0.15, linewidth=0)
            axes.plot(
                curve.severity,
                mean,
                color=color,
                marker=styles[variant]["marker"],
                markersize=3,
                linewidth=1.2,
                label=variant,
            )
        axes.set_title(condition, fontsize=9, fontweight="bold", loc="left")
        axes.set_xticks(next(iter(variant_curves.values())).severity)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(curves) :]:
        axes.set_axis_off()
    for axes in grid[::_PANELS_PER_ROW]:
        axes.set_ylabel("test accuracy, %")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=_PANELS_PER_ROW, frameon=False)
    figure.add_caption(caption)
    return figure
