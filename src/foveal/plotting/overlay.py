"""Maps blended over grayscale images, and their color scales.

Signed maps are red where occlusion lowers the score and blue where it raises the score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image

from foveal.plotting.images import to_data_uri, to_grayscale

_Array = npt.NDArray[Any]

_SIGNED_COLORMAP = "RdBu_r"  # red is positive; color-blind readers can tell both ends apart
GATE_COLORMAP = "cividis"  # perceptually uniform, also for color-blind readers
GATE_OPACITY = 0.7  # below 1, so that image and colors can both be recognized
# Colors of maps in pages: what the network needs, what distracts it; the ends and the middle of cividis.
_POSITIVE_RGB, _NEGATIVE_RGB = np.array([213, 60, 0]), np.array([0, 110, 200])
_GATE_LOW_RGB, _GATE_MIDDLE_RGB, _GATE_HIGH_RGB = (
    np.array([0, 34, 78]),
    np.array([124, 123, 120]),
    np.array([254, 232, 56]),
)
_MAP_OPACITY = 0.85
_MIN_RANGE = 1e-6  # a smaller range is rounding error
_LIMIT_PERCENTILE = 99
_SCALE_STEPS = 256


def compute_color_limit(maps: Iterable[_Array]) -> float:
    """Return the limit of the color scale for several maps: the 99th percentile of |value|.

    With the maximum, a single extreme window would make all other panels pale. Returns 1 if all maps
    are flat.
    """
    values = np.concatenate([np.abs(array[np.isfinite(array)]).ravel() for array in maps])
    limit = float(np.percentile(values, _LIMIT_PERCENTILE)) if values.size else 0.0
    return limit if limit > _MIN_RANGE else 1.0


def compute_value_range(maps: Sequence[_Array]) -> tuple[float, float]:
    """Return the smallest and largest value of all maps, widened if they are equal."""
    low, high = min(float(m.min()) for m in maps), max(float(m.max()) for m in maps)
    return (low, high) if high - low > _MIN_RANGE else (low - _MIN_RANGE, high + _MIN_RANGE)


def is_flat(values: _Array) -> bool:
    """Return True if all finite values of a map are equal, or none is finite."""
    finite = values[np.isfinite(values)]
    return not finite.size or float(np.ptp(finite)) < _MIN_RANGE


def blend_signed_map(picture: _Array, values: _Array, *, limit: float) -> _Array:
    """Return colors (H, W, 3) of a map (H, W) over the grayscale of a picture (H, W, C) in [0, 1].

    Opacity grows with |value| up to `limit`. Pixels with value 0 or NaN show the picture.
    """
    known = np.nan_to_num(values)
    colors = matplotlib.colormaps[_SIGNED_COLORMAP](Normalize(-limit, limit)(known))[:, :, :3]
    opacity = np.clip(np.abs(known) / limit, 0, 1)[:, :, None]
    return np.asarray(opacity * colors + (1 - opacity) * to_grayscale(picture))


def color_signed_map(values: _Array, *, limit: float) -> _Array:
    """Return a map (H, W) as colors with opacity (H, W, 4), to be shown over a gray image.

    Orange is positive, blue negative; opacity grows with |value| up to `limit`.
    """
    known = np.nan_to_num(values)[:, :, None]
    colors = np.where(known > 0, _POSITIVE_RGB, _NEGATIVE_RGB) / 255
    opacity = _MAP_OPACITY * np.clip(np.abs(known) / limit, 0, 1)
    return np.concatenate([colors, opacity], axis=2)


def color_gate_map(values: _Array, *, limits: tuple[float, float]) -> _Array:
    """Return a gate map (H, W) as colors with opacity (H, W, 4), from dark blue (lowest) to yellow."""
    low, high = limits
    share = np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1)[:, :, None]
    middle = np.clip(1 - 2 * np.abs(share - 0.5), 0, 1)
    ends = np.where(share > 0.5, _GATE_HIGH_RGB, _GATE_LOW_RGB)
    colors = (middle * _GATE_MIDDLE_RGB + (1 - middle) * ends) / 255
    return np.concatenate([colors, np.full_like(share, GATE_OPACITY)], axis=2)


def blend_gate_map(picture: _Array, values: _Array, *, limits: tuple[float, float]) -> _Array:
    """Return colors (H, W, 3) of a gate map (h, w) over the grayscale of a picture (H, W, C) in [0, 1].

    Each cell of the map covers its block of pixels (nearest-neighbor resampling).
    """
    height, width = picture.shape[:2]
    cells = Image.fromarray(values.astype(np.float32))
    pixels = np.asarray(cells.resize((width, height), Image.Resampling.NEAREST))
    colors = matplotlib.colormaps[GATE_COLORMAP](Normalize(*limits)(pixels))[:, :, :3]
    return np.asarray(GATE_OPACITY * colors + (1 - GATE_OPACITY) * to_grayscale(picture))


def draw_signed_map(axes: Axes, picture: _Array, values: _Array, *, limit: float) -> None:
    """Draw a map over its picture, with a contour line at half of the color scale."""
    axes.imshow(blend_signed_map(picture, values, limit=limit), interpolation="nearest")
    known = np.nan_to_num(values)
    if is_flat(values):
        axes.text(
            0.5, 0.5, "flat", transform=axes.transAxes, ha="center", va="center", fontsize=9,
            color="black", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
    elif known.max() > limit / 2 > known.min():
        axes.contour(known, levels=[limit / 2], colors="black", linewidths=0.6)


def make_signed_color_scale(limit: float) -> ScalarMappable:
    """Return the scale for a color bar from -limit to limit, white at zero."""
    return ScalarMappable(Normalize(-limit, limit), _SIGNED_COLORMAP)


def make_color_scale_uris() -> dict[str, str]:
    """Return one-pixel-high images of the color scales as PNG data URIs, lowest value first."""
    return {
        "signed": _make_color_strip_uri(_SIGNED_COLORMAP, 0, 1),
        "positive": _make_color_strip_uri(_SIGNED_COLORMAP, 0.5, 1),
        "gates": _make_color_strip_uri(GATE_COLORMAP, 0, 1),
    }


def _make_color_strip_uri(colormap: str, start: float, end: float) -> str:
    """Return a part of a colormap, from `start` to `end` in [0, 1], as a PNG data URI."""
    positions = np.linspace(start, end, _SCALE_STEPS)
    return to_data_uri(matplotlib.colormaps[colormap](positions)[None, :, :3])
