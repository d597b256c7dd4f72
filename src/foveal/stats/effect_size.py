"""Sizes of a difference of accuracies: in standard deviations, and as a share of the errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RemovedErrors:
    """Share of the errors of the baseline that a variant removes, negative if it adds errors; interval."""

    share: float
    interval: tuple[float, float]


def compute_difference_over_sd(values: npt.ArrayLike, baseline: npt.ArrayLike) -> float | None:
    """Return the difference of the means in standard deviations of the baseline (Glass's delta).

    The standard deviation from run to run is that of the baseline alone: pooled, a variant that varies more
    than the baseline would look like a smaller difference. None for one run or equal runs of the baseline.

    >>> compute_difference_over_sd([5.0, 7.0], [2.0, 3.0, 4.0])
    3.0
    """
    a, b = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if b.size < 2 or np.ptp(b) == 0:
        return None
    return float((a.mean() - b.mean()) / b.std(ddof=1))


def compute_removed_errors(
    difference: float, interval: tuple[float, float], *, baseline_accuracy: float
) -> RemovedErrors | None:
    """Return a difference of accuracies as a share of the errors of the baseline.

    The interval is that of the difference, divided by the mean error of the baseline, so that both lead to the
    same verdict. None for a baseline without errors.

    >>> removed = compute_removed_errors(0.02, (-0.01, 0.05), baseline_accuracy=0.8)
    >>> round(removed.share, 3), tuple(round(end, 3) for end in removed.interval)
    (0.1, (-0.05, 0.25))
    """
    errors = 1 - baseline_accuracy
    if errors <= 0 or math.isnan(errors):
        return None
    low, high = (end / errors for end in interval)
    return RemovedErrors(difference / errors, (low, high))
