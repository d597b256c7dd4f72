"""Decoded data: all images of a source as arrays, before any subset is taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.data.dataset import Split


@dataclass(frozen=True, eq=False)
class DecodedData:
    """All training and test images of a source, and its class names.

    A user's function given to `load_data` as `package.module:callable` returns an object of this class.
    A label is the index of its class in `classes`. All images have the same shape.
    """

    classes: tuple[str, ...]
    train: Split
    test: Split


def iterate_arrays(data: DecodedData) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    """Yield each array of `data` with a name, such as `train.images`, in a fixed order."""
    for split_name, split in (("train", data.train), ("test", data.test)):
        yield f"{split_name}.images", split.images
        yield f"{split_name}.labels", split.labels
        for column in sorted(split.columns):
            yield f"{split_name}.columns.{column}", split.columns[column]


def compute_checksum(data: DecodedData) -> str:
    """Return 16 hexadecimal digits of SHA-256 over all values, shapes, dtypes and class names."""
    digest = hashlib.sha256(json.dumps(data.classes).encode())
    for name, array in iterate_arrays(data):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def concatenate_splits(splits: Sequence[Split]) -> Split:
    """Return one split with the rows of all `splits`, in order."""
    columns = {
        name: np.concatenate([split.columns[name] for split in splits])
        for name in splits[0].columns
    }
    images = np.concatenate([split.images for split in splits])
    return Split(images, np.concatenate([split.labels for split in splits]), columns)
