"""Figure of gate maps: spatial attention over the images, channel attention as sorted bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from foveal.plotting.comparison_figure import (
    ROW_GAP,
    add_color_bar,
    add_column_title,
    compute_grid_size,
    draw_picture,
    hide_ticks_and_frame,
)
from foveal.plotting.figure import NotebookFigure
from foveal.plotting.images import to_grayscale
from foveal.plotting.overlay import GATE_COLORMAP, GATE_OPACITY
from foveal.plotting.style import PANEL_STYLE, TEXT_COLOR, VARIANT_COLORS

_Array = npt.NDArray[Any]

_BAR_COLOR = VARIANT_COLORS[0]


@dataclass(frozen=True, eq=False)
class SiteMaps:
    """Maps of the gates at one site for N images: `spatial` (N, h, w) and `channels` (N, C).

    Either is None if the site has no such gate.
    """

    name: str
    spatial: _Array | None
    channels: _Array | None


@matplotlib.rc_context(PANEL_STYLE)
def draw_gate_maps(
    pictures: _Array, sites: Sequence[SiteMaps], *, names: Sequence[str], caption: str = ""
) -> Figure:
    """Draw one row per image and one column per site, and channel weights in the last row.

    Spatial maps are blended over the grayscale image, on one scale from the smallest to the largest
    value. Bars are the means over the images by channel, sorted; the band on each bar is the range over
    the images. A gate with bands of zero height gives the same weights for every image.

    Args:
        pictures: (N, H, W, C) in [0, 1].
        sites: in the order in which they run.
        names: label of each picture.
        caption: text below the figure.
    """
    spatial_maps = [site.spatial for site in sites if site.spatial is not None]
    has_bars = any(site.channels is not None for site in sites)
    rows, across = (len(pictures) if spatial_maps else 0) + has_bars, len(sites) + 1
    figure = NotebookFigure(*compute_grid_size(pictures, rows, across, row_gap=ROW_GAP))
    grid = figure.subplots(rows, across, squeeze=False)
    if spatial_maps:
        scale = Normalize(min(m.min() for m in spatial_maps), max(m.max() for m in spatial_maps))
        for row, picture in enumerate(pictures):
            draw_picture(grid[row][0], picture, names[row], None)
            for axes, site in zip(grid[row][1:], sites, strict=True):
                hide_ticks_and_frame(axes)
                if site.spatial is None:
                    axes.set_axis_off()
                else:
                    _draw_spatial_map(axes, picture, site.spatial[row], scale)
        color_scale = ScalarMappable(scale, GATE_COLORMAP)
        bar = add_color_bar(figure, grid[: len(pictures)], color_scale)
        bar.set_label("attention over positions")
    if has_bars:
        grid[-1][0].axis("off")
        for axes, site in zip(grid[-1][1:], sites, strict=True):
            _draw_channel_weights(axes, site)
    for axes, site in zip(grid[0][1:], sites, strict=True):
        add_column_title(axes, site.name)
    figure.add_caption(caption)
    return figure


def pick_evenly_spaced(names: Sequence[str], max_count: int) -> list[str]:
    """Return at most `max_count` names at evenly spaced indices, including the first and the last.

    >>> pick_evenly_spaced("abcde", 3)
    ['a', 'c', 'e']
    """
    if len(names) <= max_count:
        return list(names)
    return [names[round(index)] for index in np.linspace(0, len(names) - 1, max_count)]


def _draw_spatial_map(axes: Axes, picture: _Array, values: _Array, scale: Normalize) -> None:
    """Draw one map over its picture; each cell of the map covers its block of pixels."""
    height, width = picture.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(to_grayscale(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.imshow(
        values,
        norm=scale,
        cmap=GATE_COLORMAP,
        alpha=GATE_OPACITY,
        interpolation="nearest",
        extent=extent,
    )


def _draw_channel_weights(axes: Axes, site: SiteMaps) -> None:
    """Draw the mean weight of each channel, sorted, and the range over the images."""
    if site.channels is None:
        axes.set_axis_off()
        return
    means = site.channels.mean(0)
    order = np.argsort(-means, kind="stable")
    edges = np.arange(len(means) + 1) - 0.5
    axes.stairs(means[order], edges, fill=True, color=_BAR_COLOR, alpha=0.55, linewidth=0)
    low, high = site.channels.min(0)[order], site.channels.max(0)[order]
    axes.stairs(high, edges, baseline=low, fill=True, color=TEXT_COLOR, alpha=0.6, linewidth=0)
    axes.set_ylim(0, max(1.0, float(high.max())))
    axes.set_xlim(-0.5, len(means) - 0.5)
    axes.set_xticks([])
    axes.set_xlabel(f"{len(means)} channels, sorted", fontsize=7)
    axes.tick_params(labelsize=6)
