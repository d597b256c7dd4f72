"""Mean and standard deviation of each color channel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_CHUNK_IMAGES = 512  # so that a sum of squares fits 32 bits


def compute_channel_statistics(
    images: npt.NDArray[np.uint8],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of uint8 (N, H, W, C), scaled to [0, 1], per channel.

    Sums are integers and therefore exact. The standard deviation uses the divisor n. It is 1 for a
    constant channel, so that it can be divided by.
    """
    channels = images.shape[-1]
    values = images.reshape(len(images), -1)
    sums = np.zeros(values.shape[1], np.int64)
    square_sums = np.zeros(values.shape[1], np.int64)
    for start in range(0, len(values), _CHUNK_IMAGES):
        chunk = values[start : start + _CHUNK_IMAGES].astype(np.uint32)
        sums += chunk.sum(0, dtype=np.uint32)
        square_sums += np.square(chunk, out=chunk).sum(0, dtype=np.uint32)
    count = values.size // channels
    mean, std = [], []
    for total, square_total in zip(
        sums.reshape(-1, channels).sum(0).tolist(),
        square_sums.reshape(-1, channels).sum(0).tolist(),
        strict=True,
    ):
        mean.append(total / count / 255)
        std.append(math.sqrt(count * square_total - total * total) / count / 255 or 1.0)
    return tuple(mean), tuple(std)
