"""Maps of several networks side by side: a row an image, a column a network, one color scale."""

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

from foveal.plotting.figure import Drawing
from foveal.plotting.overlay import color_scale, draw_overlay, gray, shared_limit

Array = npt.NDArray[Any]

PANEL, TITLES, SCALE_WIDTH, LONGEST_SCALE = 1.25, 0.36, 0.11, 6.0  # inches
STYLE: dict[Any, Any] = {"text.parse_math": False, "svg.fonttype": "none", "font.size": 8}


@dataclass(frozen=True, eq=False)
class Column:
    """The maps of one network: `maps` (N, H, W), and what is written above each, at most two lines."""

    name: str
    maps: Array
    titles: Sequence[str]


@matplotlib.rc_context(STYLE)
def draw_comparison(
    pictures: Array,
    columns: Sequence[Column],
    *,
    names: Sequence[str],
    unit: str,
    caption: str = "",
    window: tuple[int, int] | None = None,
    difference: tuple[str, str] | None = None,
    limit: float | None = None,
) -> Figure:
    """Draw one row an image: the image, the map of each column, and the difference of two.

    Args:
        pictures: (N, H, W, C) in [0, 1].
        columns: the networks, each with N maps.
        names: what is written beside each picture.
        unit: of the color bar.
        caption: stands below the figure.
        window: the size of the window (vertical, horizontal), drawn to scale in the first picture.
        difference: names of two columns; the last column shows the first less the second.
        limit: end of the color scale; by default that of all maps together.
    """
    shown = [*columns, *subtracted(columns, difference)]
    limit = shared_limit([column.maps for column in columns]) if limit is None else limit
    rows, across = len(pictures), len(shown) + 1
    height, width = pictures.shape[1:3]
    above = TITLES if any(any(column.titles) for column in columns) else 0.1
    size = (PANEL * across + 1.2, (PANEL * height / width + above) * rows + 0.9)
    figure = Drawing(*size)
    grid = figure.subplots(rows, across, squeeze=False)
    for row, picture in enumerate(pictures):
        draw_picture(grid[row][0], picture, names[row], window if row == 0 else None)
        for axes, column in zip(grid[row][1:], shown, strict=True):
            draw_overlay(axes, picture, column.maps[row], limit=limit)
            bare(axes)
            axes.set_title(column.titles[row], fontsize=6.5, pad=2.5, linespacing=1.1)
    for axes, column in zip(grid[0][1:], shown, strict=True):
        head(axes, column.name)
    head(grid[0][0], "image")
    bar = scale_beside(figure, grid, color_scale(limit), extend="both")
    bar.set_label(unit)
    figure.write_below(caption)
    return figure


def telling_pair(variants: Sequence[str]) -> tuple[int, int]:
    """Return the places of the two whose difference is shown: `series` less `none`, else last less first.

    >>> telling_pair(["none", "channel", "series:reduction=8", "parallel"])
    (2, 0)
    """
    kinds = [variant.partition(":")[0] for variant in variants]
    first = kinds.index("none") if "none" in kinds else 0
    last = kinds.index("series") if "series" in kinds else len(kinds) - 1
    return (last, first) if last != first else (len(kinds) - 1, 0)


def subtracted(columns: Sequence[Column], difference: tuple[str, str] | None) -> list[Column]:
    """Return the column that shows by how much one network's maps differ from another's."""
    if difference is None:
        return []
    maps = {column.name: column.maps for column in columns}
    first, second = difference
    name = f"{first} \N{MINUS SIGN} {second}"
    return [Column(name, maps[first] - maps[second], [""] * len(columns[0].maps))]


def draw_picture(axes: Axes, picture: Array, name: str, window: tuple[int, int] | None) -> None:
    """Draw the image itself, its name beside it, and the window in its corner."""
    shown = picture if picture.shape[2] == 3 else np.repeat(gray(picture), 3, axis=2)
    axes.imshow(shown, interpolation="nearest")
    axes.set_ylabel(name, fontsize=8)
    if window is not None:
        corner = (-0.5, picture.shape[0] - 0.5 - window[0])
        for color, line in (("white", 2.4), ("black", 1.0)):
            box = Rectangle(
                corner, window[1], window[0], fill=False, edgecolor=color, linewidth=line
            )
            axes.add_patch(box)
    bare(axes)


def head(axes: Axes, name: str) -> None:
    """Write the name of a column above its first panel."""
    axes.annotate(
        name, (0.5, 1), xycoords="axes fraction", xytext=(0, 20), textcoords="offset points",
        ha="center", va="bottom", fontsize=9, fontweight="bold",
    )  # fmt: skip


def scale_beside(figure: Figure, grid: Array, scale: ScalarMappable, **options: Any) -> Colorbar:
    """Draw one color bar for all panels, as wide for one row as for ten."""
    height = figure.get_figheight()
    shrink = min(1.0, LONGEST_SCALE / height)
    bar = figure.colorbar(
        scale,
        ax=grid,
        aspect=shrink * height / SCALE_WIDTH,
        shrink=shrink,
        fraction=0.03,
        **options,
    )
    bar.outline.set(visible=False)
    bar.ax.tick_params(length=2, labelsize=7)
    return bar


def bare(axes: Axes) -> None:
    """Take ticks and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
