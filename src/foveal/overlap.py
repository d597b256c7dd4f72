"""Conversion of values per window to values per pixel, for overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def compute_window_coverage(starts: Sequence[int], window: int, side: int) -> npt.NDArray[np.bool_]:
    """Return the pixels of one side that each window covers, bool (P, side).

    >>> compute_window_coverage([0, 2], 2, 3).astype(int).tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    first, pixel = np.asarray(starts)[:, None], np.arange(side)
    return np.asarray((pixel >= first) & (pixel < first + window))


def average_windows(
    grid: npt.NDArray[Any],
    starts: tuple[Sequence[int], Sequence[int]],
    *,
    window: tuple[int, int],
    image_size: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Return the mean over the windows that cover each pixel, (..., H, W), from a grid (..., Py, Px).

    This is the definition of Captum. Pixels without a window are NaN.

    Args:
        grid: one value per window.
        starts: first rows and first columns of the windows.
        window: size of the windows, (vertical, horizontal).
        image_size: (H, W).

    >>> average_windows(np.array([[1.0, 3.0]]), ([0], [0, 1]), window=(1, 2), image_size=(1, 3)).tolist()
    [[1.0, 2.0, 3.0]]
    """
    rows, columns = (
        compute_window_coverage(side_starts, size, side).astype(np.float64)
        for side_starts, size, side in zip(starts, window, image_size, strict=True)
    )
    counts = rows.sum(0)[:, None] * columns.sum(0)
    total = rows.T @ np.asarray(grid, dtype=np.float64) @ columns
    return np.asarray(np.divide(total, counts, out=np.full_like(total, np.nan), where=counts > 0))
