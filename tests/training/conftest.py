"""A data set that a small network learns in seconds."""

import numpy as np
import pytest

from foveal.data import Augmentation, ImageData, Split


def make_split(count: int, seed: int) -> Split:
    """Return noise images with a bright bar whose row is the class."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, count)
    images = generator.integers(0, 120, (count, 16, 16, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label + 2 : 3 * label + 4] += 130
    return Split(images, labels)


@pytest.fixture(scope="session")
def data() -> ImageData:
    return ImageData(
        name="bars", classes=("a", "b", "c", "d"), train=make_split(300, 0), test=make_split(100, 1),
        mean=(0.3,) * 3, std=(0.2,) * 3, checksum="0", augmentation=Augmentation(crop=1, flip=True),
    )  # fmt: skip
