"""Images that a network tells apart after a few steps, but not all of them: three levels of gray with noise."""

import numpy as np

from foveal.data import DecodedData, Split


def make_bright_images() -> DecodedData:
    """Return 96 training and 90 test images of 8 x 8 pixels in three classes."""
    random = np.random.default_rng(0)

    def make_split(count: int) -> Split:
        labels = np.arange(count) % 3
        levels = 90.0 + 30 * labels + 14 * random.standard_normal(count)
        images = levels[:, None, None, None] + 10 * random.standard_normal((count, 8, 8, 3))
        return Split(np.clip(images, 0, 255).astype(np.uint8), labels)

    return DecodedData(
        classes=("dark", "gray", "bright"), train=make_split(96), test=make_split(90)
    )
