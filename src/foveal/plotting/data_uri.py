"""Arrays of images as pictures inside a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.image import imsave

LARGEST = 96


def data_uri(image: npt.NDArray[np.uint8]) -> str:
    """Return one uint8 image (H, W, C) as a PNG data URI; a large one is made smaller."""
    buffer = io.BytesIO()
    imsave(buffer, as_rgb(smaller(image)), format="png", metadata={"Software": "foveal"})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def smaller(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Average blocks of pixels until no side is longer than a page needs."""
    return np.asarray(np.rint(in_blocks(image, blocks_of(image))), dtype=np.uint8)


def blocks_of(values: npt.NDArray[Any]) -> int:
    """Return the side of the blocks of pixels of which a page shows the mean: 1 for small images."""
    height, width = values.shape[:2]
    block: int = max(1, min(-(-max(height, width) // LARGEST), height, width))
    return block


def in_blocks(values: npt.NDArray[Any], block: int) -> npt.NDArray[Any]:
    """Average blocks of pixels (H, W) or (H, W, C)."""
    height, width = (side // block * block for side in values.shape[:2])
    cut = values[:height, :width]
    shape = (height // block, block, width // block, block, *cut.shape[2:])
    return np.asarray(cut.reshape(shape).mean(axis=(1, 3)))


def as_rgb(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Show the first three channels, or the first one in gray."""
    return image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)
