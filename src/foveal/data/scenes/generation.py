"""The embedded data set `scenes`: one of ten shapes before a cluttered background, drawn on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foveal.data.channel_statistics import channel_statistics
from foveal.data.colorfulness import colorfulness
from foveal.data.dataset import ImageData, Split
from foveal.data.decoded import Content, checksum
from foveal.data.scenes.painting import paint_scenes
from foveal.data.scenes.rng import Chance
from foveal.data.scenes.shapes import SHAPES
from foveal.errors import bad_parameter

CLASSES = tuple(SHAPES)
SPLITS = ("train", "test")
LEAST_PIXELS = 5  # a smaller object may have no pixel left once something hides part of it
PIXELS_AT_ONCE = 1 << 17  # few calls, and the planes of one chunk stay in the processor's cache


def scenes_data(
    *,
    train_size: int = 20_000,
    test_size: int = 5_000,
    size: int = 32,
    object_size: float = 0.4,
    color_variation: float = 0.5,
    clutter: float = 0.5,
    seed: int = 0,
) -> ImageData:
    """Draw the data set `scenes`; `render` tells of the options and of each split's details."""
    counts = {"train_size": train_size, "test_size": test_size}
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise bad_parameter(name, "a whole number, at least 1", count)
    options = SceneOptions(size, object_size, color_variation, clutter)
    train, test = (
        draw_split(np.arange(count), split, options, seed)
        for split, count in zip(SPLITS, counts.values(), strict=True)
    )
    mean, std = channel_statistics(train.images)
    content = checksum(Content(CLASSES, train, test))
    return ImageData("scenes", CLASSES, train, test, mean, std, content)


def render(
    indices: Sequence[int] | npt.NDArray[np.int64],
    *,
    split: str = "train",
    size: int = 32,
    object_size: float = 0.4,
    color_variation: float = 0.5,
    clutter: float = 0.5,
    seed: int = 0,
) -> Split:
    """Draw the images `indices` of a split: images uint8 (N, size, size, 3), labels and details.

    `details` holds `mask`, bool (N, size, size), true where the object is seen; `area` (N,), the
    share of the image that the mask covers; and `colorfulness` (N,), by the function of that name.

    An image follows from its index, `split`, `seed` and the options of `SceneOptions` alone. With
    another value of one option its scene changes in that respect only.
    """
    if split not in SPLITS:
        raise bad_parameter("split", "one of " + ", ".join(map(repr, SPLITS)), split)
    rows = np.asarray(indices, np.int64).reshape(-1)
    if rows.size and rows.min() < 0:
        raise bad_parameter("indices", "at least 0", int(rows.min()))
    options = SceneOptions(size, object_size, color_variation, clutter)
    return draw_split(rows, split, options, seed)


def draw_split(rows: npt.NDArray[np.int64], split: str, options: SceneOptions, seed: int) -> Split:
    """Draw the images `rows` of a split, chunk by chunk."""
    size = options.size
    images = np.empty((len(rows), size, size, 3), np.uint8)
    masks = np.empty((len(rows), size, size), np.bool_)
    labels = np.empty(len(rows), np.int64)
    colors = np.empty(len(rows), np.float32)
    step = max(1, PIXELS_AT_ONCE // size**2)
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        chance = Chance(rows[chunk].astype(np.uint64), seed, (split,))
        labels[chunk] = draw_labels(chance)
        images[chunk], masks[chunk] = paint_scenes(
            labels[chunk],
            chance,
            size=size,
            object_size=float(options.object_size),
            color_variation=float(options.color_variation),
            clutter=float(options.clutter),
        )
        colors[chunk] = colorfulness(images[chunk])
    area = (masks.sum(axis=(1, 2)) / size**2).astype(np.float32)
    details = {"mask": masks, "area": area, "colorfulness": colors}
    return Split(images, labels, details)


def draw_labels(chance: Chance) -> npt.NDArray[np.int64]:
    """Give each ten images in a row the ten classes, in an order drawn for them, (N,)."""
    block, place = np.divmod(chance.indices, np.uint64(len(CLASSES)))
    order = np.argsort(replace(chance, indices=block).words("label", len(CLASSES)), axis=1)
    return order[np.arange(len(place)), place.astype(np.int64)]


@dataclass(frozen=True)
class SceneOptions:
    """How scenes look: their side in pixels, and three numbers that can be swept one at a time.

    `object_size` is the side of a square of the object's area, as a share of the image's side; one
    object differs from another by by up to 30 % either way. `color_variation` goes from 0, all gray,
    to 1; `clutter` from 0, a plain background, to 1.
    """

    size: int = 32
    object_size: float = 0.4
    color_variation: float = 0.5
    clutter: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 16:
            raise bad_parameter("size", "a whole number of pixels, at least 16", self.size)
        least = LEAST_PIXELS / self.size
        if not least <= self.object_size <= 0.6:
            should_be = f"from {least:.2f} ({LEAST_PIXELS} of {self.size} pixels) to 0.6"
            raise bad_parameter("object_size", should_be, self.object_size)
        for name in ("color_variation", "clutter"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise bad_parameter(name, "from 0 to 1", value)
