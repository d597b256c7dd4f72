"""What a source holds once decoded, before anything is chosen from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.data.dataset import Split


@dataclass(frozen=True, eq=False)
class Content:
    """All training and test images of a source, and the names of their classes.

    This is what a function of one's own returns to `load_data`. A label is the index of its class
    in `classes`; all images have one shape.
    """

    classes: tuple[str, ...]
    train: Split
    test: Split


def arrays(content: Content) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    """Yield each array of `content` with a name, such as `train.images`, in a fixed order."""
    for name, split in (("train", content.train), ("test", content.test)):
        yield f"{name}.images", split.images
        yield f"{name}.labels", split.labels
        for detail in sorted(split.details):
            yield f"{name}.details.{detail}", split.details[detail]


def checksum(content: Content) -> str:
    """Return 16 hexadecimal digits of SHA-256 over every value, shape, type and class name."""
    digest = hashlib.sha256(json.dumps(content.classes).encode())
    for name, array in arrays(content):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def join_splits(splits: Sequence[Split]) -> Split:
    """Return the rows of `splits`, one after another."""
    details = {
        name: np.concatenate([split.details[name] for split in splits])
        for name in splits[0].details
    }
    images = np.concatenate([split.images for split in splits])
    return Split(images, np.concatenate([split.labels for split in splits]), details)
