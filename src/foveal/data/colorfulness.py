"""Colorfulness of images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def compute_colorfulness(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the colorfulness of each image (N, H, W, 3): 0 for gray, above 100 for extremely colorful.

    Hasler and Süsstrunk, Measuring colorfulness in natural images (2003): with rg = R - G and
    yb = (R + G) / 2 - B, the norm of their standard deviations plus 0.3 times the norm of their means.
    """
    count = images.shape[1] * images.shape[2]
    red, green, blue = np.moveaxis(images.reshape(-1, count, 3), -1, 0).astype(np.int32)
    variance = np.zeros(len(images))
    squared_mean = np.zeros(len(images))
    for values, scale in ((red - green, 1.0), (red + green - 2 * blue, 0.5)):
        # Sums are integers and therefore exact.
        total = values.sum(axis=1, dtype=np.int64)
        square_total = np.square(values).sum(axis=1, dtype=np.int64)
        variance += (count * square_total - total**2) * (scale / count) ** 2
        squared_mean += (total * (scale / count)) ** 2
    return (np.sqrt(variance) + 0.3 * np.sqrt(squared_mean)).astype(np.float32)
