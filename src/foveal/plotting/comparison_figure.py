"""Comparison figure: maps of several networks, one row per image, one column per network, one color scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from foveal.plotting.figure import NotebookFigure
from foveal.plotting.images import to_grayscale
from foveal.plotting.overlay import compute_color_limit, draw_signed_map, make_signed_color_scale
from foveal.plotting.style import PANEL_STYLE
from foveal.variant_names import BASELINE, get_variant_name

_Array = npt.NDArray[Any]

# Lengths in inches.
_PANEL_WIDTH = 1.25
_TITLE_HEIGHT, ROW_GAP = 0.36, 0.1
_FIGURE_MARGIN = (1.2, 0.9)
_COLOR_BAR_WIDTH, _MAX_COLOR_BAR_HEIGHT = 0.11, 6.0

_CBAM_VARIANT = "cbam"


@dataclass(frozen=True, eq=False)
class MapColumn:
    """Maps of one network: `maps` (N, H, W), and a title of at most two lines above each."""

    name: str
    maps: _Array
    titles: Sequence[str]


@matplotlib.rc_context(PANEL_STYLE)
def draw_map_comparison(
    pictures: _Array,
    columns: Sequence[MapColumn],
    *,
    names: Sequence[str],
    unit: str,
    caption: str = "",
    window: tuple[int, int] | None = None,
    difference: tuple[str, str] | None = None,
    limit: float | None = None,
) -> Figure:
    """Draw one row per image: the image, the map of each column, and the difference of two columns.

    Args:
        pictures: (N, H, W, C) in [0, 1].
        columns: the networks, each with N maps.
        names: label of each picture.
        unit: label of the color bar.
        caption: text below the figure.
        window: the size of the occlusion window (vertical, horizontal), drawn to scale in the first picture.
        difference: names of two columns; an extra last column shows the first minus the second.
        limit: end of the color scale; by default that of all maps together.
    """
    shown = [*columns, *_make_difference_columns(columns, difference)]
    limit = compute_color_limit([column.maps for column in columns]) if limit is None else limit
    rows, across = len(pictures), len(shown) + 1
    has_titles = any(any(column.titles) for column in columns)
    size = compute_grid_size(
        pictures, rows, across, row_gap=_TITLE_HEIGHT if has_titles else ROW_GAP
    )
    figure = NotebookFigure(*size)
    grid = figure.subplots(rows, across, squeeze=False)
    for row, picture in enumerate(pictures):
        draw_picture(grid[row][0], picture, names[row], window if row == 0 else None)
        for axes, column in zip(grid[row][1:], shown, strict=True):
            draw_signed_map(axes, picture, column.maps[row], limit=limit)
            hide_ticks_and_frame(axes)
            axes.set_title(column.titles[row], fontsize=6.5, pad=2.5, linespacing=1.1)
    for axes, column in zip(grid[0][1:], shown, strict=True):
        add_column_title(axes, column.name)
    add_column_title(grid[0][0], "image")
    bar = add_color_bar(figure, grid, make_signed_color_scale(limit), extend="both")
    bar.set_label(unit)
    figure.add_caption(caption)
    return figure


def find_difference_pair(variants: Sequence[str]) -> tuple[int, int]:
    """Return the indices of the two variants to subtract: CBAM minus the baseline if both are there.

    Otherwise the last variant takes the place of CBAM, and the first that of the baseline.

    >>> find_difference_pair(["none", "channel", "cbam:reduction=8", "bam"])
    (2, 0)
    """
    names = [get_variant_name(variant) for variant in variants]
    last = len(names) - 1
    baseline = names.index(BASELINE) if BASELINE in names else 0
    cbam = names.index(_CBAM_VARIANT) if _CBAM_VARIANT in names else last
    return (cbam, baseline) if cbam != baseline else (last, 0)


def _make_difference_columns(
    columns: Sequence[MapColumn], difference: tuple[str, str] | None
) -> list[MapColumn]:
    """Return the column with the maps of one network minus those of another; empty without a pair."""
    if difference is None:
        return []
    maps = {column.name: column.maps for column in columns}
    first, second = difference
    name = f"{first} \N{MINUS SIGN} {second}"
    return [MapColumn(name, maps[first] - maps[second], [""] * len(columns[0].maps))]


def compute_grid_size(
    pictures: _Array, rows: int, across: int, *, row_gap: float
) -> tuple[float, float]:
    """Return width and height in inches of a figure with a grid of panels for pictures (N, H, W, C)."""
    height, width = pictures.shape[1:3]
    right, bottom = _FIGURE_MARGIN
    return (
        _PANEL_WIDTH * across + right,
        (_PANEL_WIDTH * height / width + row_gap) * rows + bottom,
    )


def draw_picture(axes: Axes, picture: _Array, name: str, window: tuple[int, int] | None) -> None:
    """Draw a picture with its name at the left and an occlusion window in its lower left corner."""
    shown = picture if picture.shape[2] == 3 else np.repeat(to_grayscale(picture), 3, axis=2)
    axes.imshow(shown, interpolation="nearest")
    axes.set_ylabel(name, fontsize=8)
    if window is not None:
        corner = (-0.5, picture.shape[0] - 0.5 - window[0])
        for color, line in (("white", 2.4), ("black", 1.0)):
            box = Rectangle(
                corner, window[1], window[0], fill=False, edgecolor=color, linewidth=line
            )
            axes.add_patch(box)
    hide_ticks_and_frame(axes)


def add_column_title(axes: Axes, name: str) -> None:
    """Write the name of a column above its first panel."""
    axes.annotate(
        name, (0.5, 1), xycoords="axes fraction", xytext=(0, 20), textcoords="offset points",
        ha="center", va="bottom", fontsize=9, fontweight="bold",
    )  # fmt: skip


def add_color_bar(figure: Figure, grid: _Array, scale: ScalarMappable, **options: Any) -> Colorbar:
    """Add one color bar for all panels, with the same width for any number of rows."""
    height = figure.get_figheight()
    shrink = min(1.0, _MAX_COLOR_BAR_HEIGHT / height)
    bar = figure.colorbar(
        scale,
        ax=grid,
        aspect=shrink * height / _COLOR_BAR_WIDTH,
        shrink=shrink,
        fraction=0.03,
        **options,
    )
    bar.outline.set(visible=False)
    bar.ax.tick_params(length=2, labelsize=7)
    return bar


def hide_ticks_and_frame(axes: Axes) -> None:
    """Remove ticks and frame; the label at the left stays."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
