"""Welch intervals of several differences that hold together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foveal.errors import bad_parameter
from foveal.stats.comparison import MIN_SEEDS
from foveal.stats.welch import run_welch_test
from foveal.validation import require_strictly_between


def compute_simultaneous_intervals(
    values: npt.ArrayLike,
    baseline: npt.ArrayLike,
    *,
    level: float = 0.95,
    test_images: Sequence[int] | None = None,
) -> list[tuple[float, float]]:
    """Return an interval of the difference of each column; all of them hold together at `level`.

    Each is a Welch interval at level^(1/K) for K columns (Sidak 1967), which holds for independent and for
    normal differences of any correlation. An estimate of the correlation would have rank 2n - 2 at most, less
    than the number of columns, and a maximum over it would be too small.

    Args:
        values: (runs, K) values of the variant.
        baseline: (runs, K) values of the baseline.
        level: level of all intervals together.
        test_images: number of test images of each column, for the standard error of rounding.

    An interval is NaN below three runs, where a value is NaN, and where nothing varies.

    >>> from foveal.stats import run_welch_test
    >>> a, b = [[0.8], [0.9], [0.7]], [[0.5], [0.6], [0.5]]
    >>> alone = run_welch_test([0.8, 0.9, 0.7], [0.5, 0.6, 0.5]).compute_interval(0.95)
    >>> compute_simultaneous_intervals(a, b) == [alone]
    True
    """
    require_strictly_between("level", level, 0, 1)
    a, b = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise bad_parameter("values, baseline", "(runs, K) each", (a.shape, b.shape))
    count = a.shape[1]
    if min(len(a), len(b)) < MIN_SEEDS:
        return [(math.nan, math.nan)] * count
    single_level = level ** (1 / count)
    intervals = []
    for column in range(count):
        images = None if test_images is None else test_images[column]
        ends = math.nan, math.nan
        if np.isfinite(a[:, column]).all() and np.isfinite(b[:, column]).all():
            test = run_welch_test(a[:, column], b[:, column], test_images=images)
            if test.standard_error > 0:
                ends = test.compute_interval(single_level)
        intervals.append(ends)
    return intervals
