"""Images, maps and scales as PNG pictures inside JSON, in the colors of the figures."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize
from PIL import Image

from foveal.plotting.gate_maps import COLORS as GATE_COLORS
from foveal.plotting.gate_maps import OPACITY
from foveal.plotting.overlay import COLORS as MAP_COLORS
from foveal.plotting.overlay import FLAT, gray, overlay

Array = npt.NDArray[Any]

THUMBNAIL = 96  # pixels of the longer side
SHADES = 256


def data_uri(picture: Array) -> str:
    """Return a picture uint8 (H, W, 3) as a PNG in a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def as_bytes(colors: Array) -> npt.NDArray[np.uint8]:
    """Return colors in [0, 1] as uint8."""
    return np.asarray(np.rint(255 * np.clip(colors, 0, 1)), dtype=np.uint8)


def in_colors(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an image (H, W, C) as people see it, (H, W, 3): gray where there are not three channels."""
    if image.shape[2] == 3:
        return image
    return as_bytes(np.repeat(gray(image / 255), 3, axis=2))


def thumbnail(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an image (H, W, C) as a picture of at most 96 pixels a side."""
    small = Image.fromarray(in_colors(image))
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(small)


def map_over(image: npt.NDArray[np.uint8], values: Array, *, limit: float) -> Array:
    """Lay a signed map (H, W) over an image (H, W, C); return a picture uint8 (H, W, 3)."""
    return as_bytes(overlay(image / 255, values, limit=limit))


def gate_over(image: npt.NDArray[np.uint8], values: Array, *, ends: tuple[float, float]) -> Array:
    """Lay the map of a gate (h, w) over an image (H, W, C); return a picture uint8 (H, W, 3).

    Each cell of the map covers the pixels that it stands for.
    """
    height, width = image.shape[:2]
    cells = Image.fromarray(values.astype(np.float32))
    full = np.asarray(cells.resize((width, height), Image.Resampling.NEAREST))
    colors = matplotlib.colormaps[GATE_COLORS](Normalize(*ends)(full))[:, :, :3]
    return as_bytes(OPACITY * colors + (1 - OPACITY) * gray(image / 255))


def ends_of(maps: list[Array]) -> tuple[float, float]:
    """Return the smallest and the largest value of all maps, a little apart where they are one."""
    low, high = min(float(one.min()) for one in maps), max(float(one.max()) for one in maps)
    return (low, high) if high - low > FLAT else (low - FLAT, high + FLAT)


def scales() -> dict[str, str]:
    """Return what the legends show, each a line of pixels from its lowest value to its highest."""
    return {
        "signed": line_of(MAP_COLORS, 0, 1),
        "positive": line_of(MAP_COLORS, 0.5, 1),
        "gates": line_of(GATE_COLORS, 0, 1),
    }


def line_of(name: str, first: float, last: float) -> str:
    """Return a part of a scale of colors as a picture of one line."""
    colors = matplotlib.colormaps[name](np.linspace(first, last, SHADES))[None, :, :3]
    return data_uri(as_bytes(colors))
