"""A signed map over a gray image: red where hiding lowers the score, blue where it raises it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

Array = npt.NDArray[Any]

COLORS = "RdBu_r"  # red is positive; told apart by the color-blind too
FLAT = 1e-6  # a smaller range is rounding
LUMA = (0.299, 0.587, 0.114)


def shared_limit(maps: Iterable[Array]) -> float:
    """Return the limit of the one color scale for all maps: the 99th percentile of |value|.

    A single extreme window would otherwise pale all others. 1 where all maps are flat.
    """
    values = np.concatenate([np.abs(one[np.isfinite(one)]).ravel() for one in maps])
    limit = float(np.percentile(values, 99)) if values.size else 0.0
    return limit if limit > FLAT else 1.0


def is_flat(values: Array) -> bool:
    """Say whether a map has one value throughout."""
    finite = values[np.isfinite(values)]
    return not finite.size or float(np.ptp(finite)) < FLAT


def gray(picture: Array) -> Array:
    """Return the luma of a picture (H, W, 3) in [0, 1], (H, W, 1).

    Channels that are not three have no colors: of (H, W, C) it is their mean.
    """
    if picture.shape[2] != len(LUMA):
        return np.asarray(picture.mean(axis=2, keepdims=True))
    return np.asarray((picture @ np.array(LUMA))[:, :, None])


def overlay(picture: Array, values: Array, *, limit: float) -> Array:
    """Lay a map (H, W) over the gray of a picture (H, W, C) in [0, 1]; return colors (H, W, 3).

    Opacity grows with |value| up to `limit`, so what does not matter is seen as it was; so is a pixel
    that no window reached.
    """
    known = np.nan_to_num(values)
    colors = matplotlib.colormaps[COLORS](Normalize(-limit, limit)(known))[:, :, :3]
    opacity = np.clip(np.abs(known) / limit, 0, 1)[:, :, None]
    return np.asarray(opacity * colors + (1 - opacity) * gray(picture))


def draw_overlay(axes: Axes, picture: Array, values: Array, *, limit: float) -> None:
    """Draw a map over its picture, with a line around what reaches half of the scale."""
    axes.imshow(overlay(picture, values, limit=limit), interpolation="nearest")
    known = np.nan_to_num(values)
    if is_flat(values):
        axes.text(
            0.5, 0.5, "flat", transform=axes.transAxes, ha="center", va="center", fontsize=9,
            color="black", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
    elif known.max() > limit / 2 > known.min():
        axes.contour(known, levels=[limit / 2], colors="black", linewidths=0.6)


def color_scale(limit: float) -> ScalarMappable:
    """Return what a color bar shows: the scale from -limit to limit, white at zero."""
    return ScalarMappable(Normalize(-limit, limit), COLORS)
