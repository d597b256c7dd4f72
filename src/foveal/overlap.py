"""Values of overlapping windows, spread over the pixels below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def window_coverage(starts: Sequence[int], window: int, side: int) -> npt.NDArray[np.bool_]:
    """Return which pixels of a side each window covers, (P, side).

    >>> window_coverage([0, 2], 2, 3).astype(int).tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    first, pixel = np.asarray(starts)[:, None], np.arange(side)
    return np.asarray((pixel >= first) & (pixel < first + window))


def average_windows(
    grid: npt.NDArray[Any],
    starts: tuple[Sequence[int], Sequence[int]],
    *,
    window: tuple[int, int],
    image: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Spread values of windows (..., Py, Px) over the pixels, (..., H, W).

    A pixel takes the mean over the windows that cover it, as in Captum, and NaN where none does.
    `starts` are the first rows and columns of the windows, `window` and `image` are (H, W).

    >>> average_windows(np.array([[1.0, 3.0]]), ([0], [0, 1]), window=(1, 2), image=(1, 3)).tolist()
    [[1.0, 2.0, 3.0]]
    """
    rows, columns = (
        window_coverage(own, size, side).astype(np.float64)
        for own, size, side in zip(starts, window, image, strict=True)
    )
    counts = rows.sum(0)[:, None] * columns.sum(0)
    total = rows.T @ np.asarray(grid, dtype=np.float64) @ columns
    return np.asarray(np.divide(total, counts, out=np.full_like(total, np.nan), where=counts > 0))
