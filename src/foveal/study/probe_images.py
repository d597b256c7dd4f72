"""The test images that every run of a study is asked about: chosen by their place, never by a result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MOST = 100
SHARE = 20  # one test image in so many at most
PICTURED = 10  # of them the report shows so many


def choose_probe_images(
    labels: npt.NDArray[np.int64], classes: int, *, most: int = MOST
) -> npt.NDArray[np.int64]:
    """Return rows of the test set: the first ones of each class, at most 100 and a twentieth of it.

    There is at least one a class, of the first 100 classes. The rows go round the classes: the first
    image of each, then the second, so that any beginning of them is as even as it can be.

    >>> choose_probe_images(np.array([1, 0, 1, 1, 0]), 2).tolist()
    [1, 0]
    """
    shown = min(classes, most)
    each = max(1, min(most, len(labels) // SHARE) // shown)
    return first_of_each_class(labels, range(shown), each)


def first_of_each_class(
    labels: npt.NDArray[np.int64], classes: Sequence[int], each: int
) -> npt.NDArray[np.int64]:
    """Return the rows of the first images of each class, all first ones before all second ones."""
    rows = [np.flatnonzero(labels == k)[:each] for k in classes]
    turns = [[own[turn] for own in rows if turn < len(own)] for turn in range(each)]
    return np.array([row for turn in turns for row in turn], dtype=np.int64)
