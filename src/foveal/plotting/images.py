"""Image arrays: RGB pixels, grayscale, smaller copies, PNG data URIs."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_Array = npt.NDArray[Any]
_Pixels = npt.NDArray[np.uint8]

_MAX_PAGE_SIDE = 96  # pixels of the longer side of an image in a page
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def to_data_uri(image: _Array) -> str:
    """Return an image (H, W, C) as a PNG data URI; uint8, or floats in [0, 1]."""
    buffer = io.BytesIO()
    Image.fromarray(_to_rgb(image)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def to_transparent_data_uri(colors: _Array) -> str:
    """Return colors (H, W, 4) in [0, 1], the last channel opacity, as a PNG data URI."""
    buffer = io.BytesIO()
    Image.fromarray(_to_uint8(colors), mode="RGBA").save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def shrink_blocks(values: _Array) -> _Array:
    """Return a map (H, W) with the largest square blocks of equal values as single values.

    >>> shrink_blocks(np.array([[1, 1, 2, 2], [1, 1, 2, 2]])).tolist()
    [[1, 2]]
    """
    height, width = values.shape
    for block in range(math.gcd(height, width), 1, -1):
        if math.gcd(height, width) % block == 0:
            small = values[::block, ::block]
            if np.array_equal(np.kron(small, np.ones((block, block), values.dtype)), values):
                return small
    return values


def _to_rgb(image: _Array) -> _Pixels:
    """Return an image (H, W, C), uint8 or floats in [0, 1], as uint8 (H, W, 3).

    Images without exactly three channels become gray.

    >>> _to_rgb(np.array([[[0.0], [1.0]]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    if image.shape[2] != len(_LUMA_WEIGHTS):
        values = image / 255 if image.dtype == np.uint8 else image
        image = np.repeat(to_grayscale(values), 3, axis=2)
    return image if image.dtype == np.uint8 else _to_uint8(image)


def _to_uint8(colors: _Array) -> _Pixels:
    """Return colors in [0, 1] as uint8."""
    return np.asarray(np.rint(255 * np.clip(colors, 0, 1)), dtype=np.uint8)


def to_grayscale(picture: _Array) -> _Array:
    """Return the luma of a picture (H, W, 3) in [0, 1], (H, W, 1).

    For another number of channels C, return the mean over the channels.
    """
    if picture.shape[2] != len(_LUMA_WEIGHTS):
        return np.asarray(picture.mean(axis=2, keepdims=True))
    return np.asarray((picture @ np.array(_LUMA_WEIGHTS))[:, :, None])


def make_thumbnail(image: _Pixels) -> _Pixels:
    """Return an image (H, W, C) as RGB of at most 96 pixels per side, resampled by Pillow."""
    thumbnail = Image.fromarray(_to_rgb(image))
    thumbnail.thumbnail((_MAX_PAGE_SIDE, _MAX_PAGE_SIDE))
    return np.asarray(thumbnail)


def shrink_for_page(values: _Array) -> _Array:
    """Average blocks of pixels of an image or map (H, W) or (H, W, C), to at most 96 pixels per side.

    uint8 stays uint8, rounded; other dtypes become float64.
    """
    means = _average_blocks(values, _compute_page_block_size(values))
    return np.asarray(np.rint(means), dtype=np.uint8) if values.dtype == np.uint8 else means


def _compute_page_block_size(values: _Array) -> int:
    """Return the side of the blocks that `shrink_for_page` averages: 1 for small images."""
    height, width = values.shape[:2]
    block: int = max(1, min(-(-max(height, width) // _MAX_PAGE_SIDE), height, width))
    return block


def _average_blocks(values: _Array, block: int) -> _Array:
    """Return the means over blocks of `block` x `block` pixels; incomplete blocks are cut off."""
    height, width = (side // block * block for side in values.shape[:2])
    cropped = values[:height, :width]
    shape = (height // block, block, width // block, block, *cropped.shape[2:])
    return np.asarray(cropped.reshape(shape).mean(axis=(1, 3)))
