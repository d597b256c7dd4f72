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


def smaller(image: npt.NDArray[np.uint8], largest: int = LARGEST) -> npt.NDArray[np.uint8]:
    """Average blocks of pixels until no side is longer than `largest`."""
    block = -(-max(image.shape[:2]) // largest)
    height, width = (side // block * block for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // block, block, width // block, block, -1)
    return np.asarray(np.rint(blocks.mean(axis=(1, 3))), dtype=np.uint8)


def as_rgb(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Show the first three channels, or the first one in grey."""
    return image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)
