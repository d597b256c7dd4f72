"""Mean and standard deviation of each color channel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

CHUNK = 512  # images at a time, so that a sum of their squares fits 32 bits


def channel_statistics(
    images: npt.NDArray[np.uint8],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of uint8 (N, H, W, C) in [0, 1], one value a channel.

    Sums are of whole numbers and so exact. The deviation is that of all values (divisor n). A
    channel of one single value gets 1, so that it can be divided by.
    """
    channels = images.shape[-1]
    values = images.reshape(len(images), -1)
    total = np.zeros(values.shape[1], np.int64)
    squares = np.zeros(values.shape[1], np.int64)
    for start in range(0, len(values), CHUNK):
        chunk = values[start : start + CHUNK].astype(np.uint32)
        total += chunk.sum(0, dtype=np.uint32)
        squares += np.square(chunk, out=chunk).sum(0, dtype=np.uint32)
    count = values.size // channels
    mean, std = [], []
    for s, q in zip(
        total.reshape(-1, channels).sum(0).tolist(),
        squares.reshape(-1, channels).sum(0).tolist(),
        strict=True,
    ):
        mean.append(s / count / 255)
        std.append(math.sqrt(count * q - s * s) / count / 255 or 1.0)
    return tuple(mean), tuple(std)
