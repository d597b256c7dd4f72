"""Folder of small images in the layout of one's own data: train/CLASS and test/CLASS."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

CLASSES: Final = ("circle", "cross", "square")
_SIDE: Final = 24  # pixels


def write_photos(folder: Path, *, train: int, test: int, seed: int = 0) -> None:
    """Write `train` and `test` images per class: one bright shape at a random place on a noisy ground."""
    generator = np.random.default_rng(seed)
    for split, count in (("train", train), ("test", test)):
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = _draw_shape(name, generator)
                Image.fromarray(pixels).save(folder / split / name / f"{index:03}.png")


def _draw_shape(name: str, generator: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an image of one shape, (24, 24, 3)."""
    y, x = np.mgrid[:_SIDE, :_SIDE]
    center_y, center_x = generator.integers(7, _SIDE - 7, size=2)
    height, width = abs(y - center_y), abs(x - center_x)
    mask = {
        "circle": height**2 + width**2 <= 25,
        "square": np.maximum(height, width) <= 4,
        "cross": (np.minimum(height, width) <= 1) & (np.maximum(height, width) <= 5),
    }[name]
    pixels = generator.integers(0, 120, size=(_SIDE, _SIDE, 3))
    pixels[mask] = generator.integers(120, 256, size=3)
    return pixels.astype(np.uint8)
