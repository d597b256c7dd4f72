"""Probe images: the test images on which every run of a study is explained, selected by index only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foveal.data import ImageData, normalize_images

MAX_PROBE_IMAGES: Final = 100
_MIN_TEST_IMAGES_PER_PROBE: Final = 20
SHOWN_IMAGES: Final = 10
"""Probe images that the report shows."""

_IntArray = npt.NDArray[np.int64]


def choose_probe_images(
    labels: _IntArray, classes: int, *, max_images: int = MAX_PROBE_IMAGES
) -> _IntArray:
    """Return indices of test images: the first of each class, at most 100 and a twentieth of all.

    There is at least one image per class, for the first 100 classes. All first images of the classes precede
    all second images, so any prefix is balanced.

    >>> choose_probe_images(np.array([1, 0, 1, 1, 0]), 2).tolist()
    [1, 0]
    """
    class_count = min(classes, max_images)
    probes = min(max_images, len(labels) // _MIN_TEST_IMAGES_PER_PROBE)
    return choose_first_of_each_class(labels, range(class_count), max(1, probes // class_count))


def choose_first_of_each_class(
    labels: _IntArray, classes: Sequence[int], per_class: int
) -> _IntArray:
    """Return the indices of the first images of each class, all first images before all second ones."""
    by_class = [np.flatnonzero(labels == label)[:per_class] for label in classes]
    rounds = [
        [indices[position] for indices in by_class if position < len(indices)]
        for position in range(per_class)
    ]
    return np.array([index for indices in rounds for index in indices], dtype=np.int64)


def get_test_images(data: ImageData, indices: _IntArray) -> Tensor:
    """Return normalized test images, (N, C, H, W)."""
    images = torch.from_numpy(np.asarray(data.test.images[indices]))
    return normalize_images(images, data.mean, data.std)
