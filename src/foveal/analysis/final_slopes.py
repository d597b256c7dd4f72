"""Slope of the test accuracy at the end of training: whether training had ended."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.records import StudyRecord


@dataclass(frozen=True)
class FinalSlope:
    """Slope of the test accuracy over the last `epochs` epochs, a tenth of all: fractions an epoch.

    `slope` is the mean of the runs of a variant, and `sd` their standard deviation, None for one run.
    """

    variant: str
    epochs: int
    slope: float
    sd: float | None


def fit_final_slopes(curves: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the least-squares slope of each curve over the last tenth of its steps, at least one.

    Args:
        curves: (R, E) values after each of at least two epochs.

    Returns:
        (R,) slopes an epoch.

    >>> fit_final_slopes([[0.5, 0.7, 0.75]]).round(3).tolist()
    [0.05]
    """
    values = np.asarray(curves, dtype=np.float64)
    steps = count_final_epochs(values.shape[1])
    times = np.arange(steps + 1) - steps / 2  # centered
    return np.asarray(values[:, -steps - 1 :] @ times / (times @ times))


def count_final_epochs(epochs: int) -> int:
    """Return the number of epochs in the last tenth of a training, rounded up.

    >>> [count_final_epochs(epochs) for epochs in (2, 10, 11, 200)]
    [1, 1, 2, 20]
    """
    return -(-epochs // 10)


def compute_final_slopes(cell: StudyRecord) -> dict[str, FinalSlope]:
    """Return the final slope of each variant of a cell that has finished runs of two epochs or more."""
    slopes = {}
    for variant in cell.variants:
        runs = cell.get_runs(variant)
        if not runs or len(runs[0].metrics["test_accuracy"]) < 2:
            continue
        fitted = fit_final_slopes([run.metrics["test_accuracy"] for run in runs])
        sd = float(fitted.std(ddof=1)) if len(runs) > 1 else math.nan
        slopes[variant] = FinalSlope(
            variant,
            count_final_epochs(len(runs[0].metrics["test_accuracy"])),
            float(fitted.mean()),
            None if math.isnan(sd) else sd,
        )
    return slopes
