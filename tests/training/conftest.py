"""Images that a small network learns in seconds."""

import numpy as np
import pytest

from foveal.data import Augmentation, ImageData, Split


def split(count: int, seed: int) -> Split:
    """Return noise with a bright bar whose row is the class: learnt within a few epochs."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, count)
    images = generator.integers(0, 120, (count, 16, 16, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label + 2 : 3 * label + 4] += 130
    return Split(images, labels)


@pytest.fixture(scope="session")
def data() -> ImageData:
    return ImageData(
        "bars", ("a", "b", "c", "d"), split(300, 0), split(100, 1), (0.3,) * 3, (0.2,) * 3, "0",
        augmentation=Augmentation(crop=1, flip=True),
    )  # fmt: skip
