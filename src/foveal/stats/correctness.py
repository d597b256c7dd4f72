"""Correctness arrays: which images each run classifies correctly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foveal.errors import bad_parameter

BoolArray = npt.NDArray[np.bool_]


def require_correctness_arrays(
    correct: npt.ArrayLike, baseline_correct: npt.ArrayLike, *, dimensions: int = 2
) -> tuple[BoolArray, BoolArray]:
    """Return both arrays as bool, with the same images along their last axis.

    Raises:
        UsageError: an array is empty or has the wrong number of dimensions, or the images differ in number.

    >>> a, b = require_correctness_arrays([[True, False]], [[True, True], [False, True]])
    >>> a.shape, b.shape
    ((1, 2), (2, 2))
    """
    a, b = np.asarray(correct, dtype=bool), np.asarray(baseline_correct, dtype=bool)
    shape = "(images,)" if dimensions == 1 else "(runs, images)"
    for name, array in (("correct", a), ("baseline_correct", b)):
        if array.ndim != dimensions or array.size == 0:
            raise bad_parameter(name, f"of shape {shape}, with at least one of each", array.shape)
    if a.shape[-1] != b.shape[-1]:
        should_be = f"about the {b.shape[-1]} images of `baseline_correct`"
        raise bad_parameter("correct", should_be, a.shape)
    return a, b
