"""Accuracies that guessing reaches as well: a network that has learned nothing gets no verdict."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

_MAX_STANDARD_ERRORS: Final = 3
_MAX_DEVIATIONS: Final = 5


def is_at_guessing(
    accuracy: npt.ArrayLike, *, guessing_accuracy: float, test_images: int
) -> npt.NDArray[np.bool_]:
    """Return True where an accuracy is within three standard errors of guessing, for each accuracy.

    Guessing names the largest class for every image and reaches its share g of the N test images. The
    standard error is the binomial one, sqrt(g (1 - g) / N). It does not shrink with the number of runs,
    because all runs are tested on the same images.

    >>> is_at_guessing([0.13, 0.20], guessing_accuracy=0.1, test_images=100).tolist()
    [True, False]
    """
    error = math.sqrt(guessing_accuracy * (1 - guessing_accuracy) / test_images)
    distance = np.abs(np.asarray(accuracy, dtype=np.float64) - guessing_accuracy)
    return np.asarray(distance <= _MAX_STANDARD_ERRORS * error + 1e-12)  # equal up to rounding


def find_low_outliers(values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return True for each value that is more than five median absolute deviations below the median.

    >>> find_low_outliers([0.70, 0.71, 0.10, 0.72, 0.71]).tolist()
    [False, False, True, False, False]
    """
    array = np.asarray(values, dtype=np.float64)
    below = np.median(array) - array
    return np.asarray(below > _MAX_DEVIATIONS * np.median(np.abs(below)))
