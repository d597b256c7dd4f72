"""How colorful an image is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def colorfulness(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return how colorful each image (N, H, W, 3) is: 0 if gray, above 100 if extremely so.

    Hasler and Süsstrunk, Measuring colorfulness in natural images (2003): with rg = R - G and
    yb = (R + G) / 2 - B, the norm of their standard deviations plus 0.3 of that of their means.
    """
    count = images.shape[1] * images.shape[2]
    red, green, blue = np.moveaxis(images.reshape(-1, count, 3), -1, 0).astype(np.int32)
    spread = np.zeros(len(images))
    offset = np.zeros(len(images))
    for values, scale in ((red - green, 1.0), (red + green - 2 * blue, 0.5)):
        # Sums are of whole numbers and so exact.
        total = values.sum(axis=1, dtype=np.int64)
        squares = np.square(values).sum(axis=1, dtype=np.int64)
        spread += (count * squares - total**2) * (scale / count) ** 2
        offset += (total * (scale / count)) ** 2
    return (np.sqrt(spread) + 0.3 * np.sqrt(offset)).astype(np.float32)
