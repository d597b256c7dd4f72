"""The files inside the original CIFAR archives, from bytes to images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foveal.data.cifar.layouts import Layout
from foveal.data.cifar.plain_pickle import load_plain
from foveal.data.dataset import Split
from foveal.data.decoded import Content, join_splits
from foveal.errors import FovealError

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


def decode_batches(members: Mapping[str, bytes], layout: Layout, path: Path) -> Content:
    """Decode the files of an archive, given by name; `path` is where they are from, for errors."""
    classes = tuple(class_names(members, layout, path))
    train = decode_files(members, layout.train, layout, path)
    test = decode_files(members, (layout.test,), layout, path)
    for split in (train, test):
        if split.labels.min() < 0 or split.labels.max() >= len(classes):
            raise FovealError(f"{path} has a label outside its {len(classes)} class names.")
    return Content(classes, train, test)


def class_names(members: Mapping[str, bytes], layout: Layout, path: Path) -> list[str]:
    """Return the names of the classes, out of the first file of names."""
    name = layout.names[0]
    try:
        if layout.binary:
            return members[name].decode().split()
        meta = load_plain(members[name])
        return [str(c) for c in meta["fine_label_names" if layout.coarse else "label_names"]]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path / name, error) from error


def decode_files(
    members: Mapping[str, bytes], names: Iterable[str], layout: Layout, path: Path
) -> Split:
    """Decode and join the files of one split."""
    decode = decode_records if layout.binary else decode_pickle
    splits = []
    for name in names:
        try:
            splits.append(decode(members[name], layout))
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(path / name, error) from error
    return join_splits(splits)


def damaged(path: Path, error: Exception) -> FovealError:
    """Return the error for a file that is not what its name promises."""
    return FovealError(f"{path} cannot be decoded ({error}); fetch the archive again.")


def decode_pickle(content: bytes, layout: Layout) -> Split:
    """Decode a python batch: rows of 1024 red, 1024 green and 1024 blue values, lists of labels."""
    batch = load_plain(content)
    pixels = np.asarray(batch["data"])
    if pixels.dtype != np.uint8:
        raise ValueError(f"its images are {pixels.dtype}, not uint8")
    labels = np.array(batch["fine_labels" if layout.coarse else "labels"], np.int64)
    details = {}
    if layout.coarse:
        details["coarse_label"] = np.array(batch["coarse_labels"], np.int64)
    if not len(pixels) == len(labels) > 0:
        raise ValueError(f"it has {len(pixels)} images and {len(labels)} labels")
    return Split(channels_last(pixels), labels, details)


def decode_records(content: bytes, layout: Layout) -> Split:
    """Decode records of one label byte (CIFAR-100: coarse, then fine) and 3072 color bytes."""
    label_bytes = 2 if layout.coarse else 1
    records = np.frombuffer(content, np.uint8).reshape(-1, label_bytes + PIXELS)
    if not len(records):
        raise ValueError("it is empty")
    labels = records[:, label_bytes - 1].astype(np.int64)
    details = {"coarse_label": records[:, 0].astype(np.int64)} if layout.coarse else {}
    return Split(channels_last(records[:, label_bytes:]), labels, details)


def channels_last(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Put rows of 3072 values into uint8 (N, 32, 32, 3)."""
    return np.ascontiguousarray(pixels.reshape(-1, *SHAPE).transpose(0, 2, 3, 1))
