"""What the gates of a network say: maps over positions on the images, weights of channels as bars."""

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

from foveal.plotting.figure import Drawing
from foveal.plotting.map_comparison import (
    PANEL,
    STYLE,
    bare,
    draw_picture,
    head,
    scale_beside,
)
from foveal.plotting.overlay import gray
from foveal.plotting.style import INK

Array = npt.NDArray[Any]

COLORS = "cividis"  # even for all eyes
OPACITY = 0.7  # the image is still told beneath, and the colors of the scale too
BARS = "#0072b2"


@dataclass(frozen=True, eq=False)
class SiteMap:
    """What the gates of one site say of N images.

    `spatial` is (N, h, w) and `channels` (N, C); either is None where the site has no such gate.
    """

    name: str
    spatial: Array | None
    channels: Array | None


@matplotlib.rc_context(STYLE)
def draw_gates(
    pictures: Array, sites: Sequence[SiteMap], *, names: Sequence[str], caption: str = ""
) -> Figure:
    """Draw a row an image and a column a site, and below the weights of the channels.

    Maps over positions lie on the gray of the image, and share one scale from the smallest to the
    largest value. The bars are the means over the images by channel, sorted, with a band from the
    smallest to the largest of the images: a gate whose band has no height says the same of every image.

    Args:
        pictures: (N, H, W, C) in [0, 1].
        sites: in the order in which they run.
        names: what is written beside each picture.
        caption: stands below the figure.
    """
    over_space = [site.spatial for site in sites if site.spatial is not None]
    with_bars = any(site.channels is not None for site in sites)
    rows, across = (len(pictures) if over_space else 0) + with_bars, len(sites) + 1
    height, width = pictures.shape[1:3]
    size = (PANEL * across + 1.2, (PANEL * height / width + 0.1) * rows + 0.9)
    figure = Drawing(*size)
    grid = figure.subplots(rows, across, squeeze=False)
    if over_space:
        scale = Normalize(min(m.min() for m in over_space), max(m.max() for m in over_space))
        for row, picture in enumerate(pictures):
            draw_picture(grid[row][0], picture, names[row], None)
            for axes, site in zip(grid[row][1:], sites, strict=True):
                bare(axes)
                if site.spatial is None:
                    axes.set_axis_off()
                else:
                    draw_spatial(axes, picture, site.spatial[row], scale)
        bar = scale_beside(figure, grid[: len(pictures)], ScalarMappable(scale, COLORS))
        bar.set_label("attention over positions")
    if with_bars:
        grid[-1][0].axis("off")
        for axes, site in zip(grid[-1][1:], sites, strict=True):
            draw_channels(axes, site)
    for axes, site in zip(grid[0][1:], sites, strict=True):
        head(axes, site.name)
    figure.write_below(caption)
    return figure


def evenly(names: Sequence[str], most: int) -> list[str]:
    """Return at most so many names, spread evenly, with the first and the last.

    >>> evenly("abcde", 3)
    ['a', 'c', 'e']
    """
    if len(names) <= most:
        return list(names)
    return [names[round(k)] for k in np.linspace(0, len(names) - 1, most)]


def draw_spatial(axes: Axes, picture: Array, values: Array, scale: Normalize) -> None:
    """Draw one map over its picture, each of its cells over the pixels it stands for."""
    height, width = picture.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(gray(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.imshow(
        values, norm=scale, cmap=COLORS, alpha=OPACITY, interpolation="nearest", extent=extent
    )


def draw_channels(axes: Axes, site: SiteMap) -> None:
    """Draw the weights of the channels, sorted, and how far they go over the images."""
    if site.channels is None:
        axes.set_axis_off()
        return
    means = site.channels.mean(0)
    order = np.argsort(-means, kind="stable")
    edges = np.arange(len(means) + 1) - 0.5
    axes.stairs(means[order], edges, fill=True, color=BARS, alpha=0.55, linewidth=0)
    low, high = site.channels.min(0)[order], site.channels.max(0)[order]
    axes.stairs(high, edges, baseline=low, fill=True, color=INK, alpha=0.6, linewidth=0)
    axes.set_ylim(0, max(1.0, float(high.max())))
    axes.set_xlim(-0.5, len(means) - 0.5)
    axes.set_xticks([])
    axes.set_xlabel(f"{len(means)} channels, sorted", fontsize=7)
    axes.tick_params(labelsize=6)
