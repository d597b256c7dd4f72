"""Generation of the data set `scenes`: one of ten shapes on a cluttered background per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foveal.data.channel_statistics import compute_channel_statistics
from foveal.data.colorfulness import compute_colorfulness
from foveal.data.dataset import ImageData, Split
from foveal.data.decoded import DecodedData, compute_checksum
from foveal.data.scenes.painting import paint_scenes
from foveal.data.scenes.rng import CounterRNG
from foveal.data.scenes.shapes import SHAPES
from foveal.errors import bad_parameter
from foveal.validation import require_in_range, require_int, require_one_of, require_positive_int

CLASSES = tuple(SHAPES)
_SPLITS = ("train", "test")
_MIN_OBJECT_PIXELS = 5  # along a side; a smaller object may be hidden completely
_CHUNK_PIXELS = 1 << 17  # few calls, and the planes of one chunk stay in the processor cache


def generate_scenes(
    *,
    train_size: int = 20_000,
    test_size: int = 5_000,
    size: int = 32,
    object_size: float = 0.4,
    color_variation: float = 0.5,
    clutter: float = 0.5,
    seed: int = 0,
) -> ImageData:
    """Render the data set `scenes`.

    See `SceneOptions` for `size`, `object_size`, `color_variation` and `clutter`, and `render_scenes` for
    the columns of each split.

    Raises:
        UsageError: a size or an option is out of range.
    """
    counts = {"train_size": train_size, "test_size": test_size}
    for name, count in counts.items():
        require_positive_int(name, count)
    options = SceneOptions(size, object_size, color_variation, clutter)
    train, test = (
        _render_split(np.arange(count), split, options, seed)
        for split, count in zip(_SPLITS, counts.values(), strict=True)
    )
    mean, std = compute_channel_statistics(train.images)
    checksum = compute_checksum(DecodedData(CLASSES, train, test))
    return ImageData("scenes", CLASSES, train, test, mean, std, checksum)


def render_scenes(
    indices: Sequence[int] | npt.NDArray[np.int64],
    *,
    split: str = "train",
    size: int = 32,
    object_size: float = 0.4,
    color_variation: float = 0.5,
    clutter: float = 0.5,
    seed: int = 0,
) -> Split:
    """Render the images `indices` of a split: images uint8 (N, size, size, 3), labels and columns.

    The columns are `mask`, bool (N, size, size), True for the visible pixels of the object; `area` (N,),
    the fraction of the image that the mask covers; and `colorfulness` (N,), see `compute_colorfulness`.

    An image depends only on its index, `split`, `seed` and the `SceneOptions`. Changing one option changes
    only that property of the scene.

    Raises:
        UsageError: the split is unknown, or an index or option is out of range.
    """
    require_one_of("split", split, _SPLITS)
    rows = np.asarray(indices, np.int64).reshape(-1)
    if rows.size and rows.min() < 0:
        raise bad_parameter("indices", "at least 0", int(rows.min()))
    options = SceneOptions(size, object_size, color_variation, clutter)
    return _render_split(rows, split, options, seed)


def _render_split(
    rows: npt.NDArray[np.int64], split: str, options: SceneOptions, seed: int
) -> Split:
    """Render the images `rows` of a split in chunks."""
    size = options.size
    images = np.empty((len(rows), size, size, 3), np.uint8)
    masks = np.empty((len(rows), size, size), np.bool_)
    labels = np.empty(len(rows), np.int64)
    colorfulness = np.empty(len(rows), np.float32)
    step = max(1, _CHUNK_PIXELS // size**2)
    for start in range(0, len(rows), step):
        chunk = slice(start, start + step)
        rng = CounterRNG(rows[chunk].astype(np.uint64), seed, (split,))
        labels[chunk] = _sample_labels(rng)
        images[chunk], masks[chunk] = paint_scenes(
            labels[chunk],
            rng,
            size=size,
            object_size=float(options.object_size),
            color_variation=float(options.color_variation),
            clutter=float(options.clutter),
        )
        colorfulness[chunk] = compute_colorfulness(images[chunk])
    area = (masks.sum(axis=(1, 2)) / size**2).astype(np.float32)
    columns = {"mask": masks, "area": area, "colorfulness": colorfulness}
    return Split(images, labels, columns)


def _sample_labels(rng: CounterRNG) -> npt.NDArray[np.int64]:
    """Return the labels (N,): each block of ten images has all ten classes in a random order."""
    block, position = np.divmod(rng.indices, np.uint64(len(CLASSES)))
    words = replace(rng, indices=block).draw_words("label", len(CLASSES))
    order = np.argsort(words, axis=1)
    return order[np.arange(len(position)), position.astype(np.int64)]


@dataclass(frozen=True)
class SceneOptions:
    """Appearance of scenes: side in pixels, and three numbers that can be varied independently.

    `object_size` is the side of a square with the object's area, as a fraction of the image's side;
    object sizes vary by up to ±30 %. `color_variation` goes from 0, all gray, to 1. `clutter` goes from 0,
    a plain background, to 1.
    """

    size: int = 32
    object_size: float = 0.4
    color_variation: float = 0.5
    clutter: float = 0.5

    def __post_init__(self) -> None:
        """Raise UsageError if an option is out of range."""
        require_int("size", self.size, minimum=16)
        smallest = _MIN_OBJECT_PIXELS / self.size
        if not smallest <= self.object_size <= 0.6:
            should_be = f"from {smallest:.2f} ({_MIN_OBJECT_PIXELS} of {self.size} pixels) to 0.6"
            raise bad_parameter("object_size", should_be, self.object_size)
        for name in ("color_variation", "clutter"):
            require_in_range(name, getattr(self, name), 0, 1)
