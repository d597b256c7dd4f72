"""Decoding of the files in the original CIFAR archives: from bytes to images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foveal.data.cifar.layouts import ArchiveLayout
from foveal.data.cifar.restricted_pickle import load_restricted_pickle
from foveal.data.dataset import Split
from foveal.data.decoded import DecodedData, concatenate_splits
from foveal.errors import FovealError

_IMAGE_SHAPE = (3, 32, 32)
_VALUES_PER_IMAGE = 3 * 32 * 32


def decode_archive(members: Mapping[str, bytes], layout: ArchiveLayout, path: Path) -> DecodedData:
    """Decode the files of an archive, given by name; `path` is the archive named in errors.

    Raises:
        FovealError: a file cannot be decoded, or a label has no class name.
    """
    classes = tuple(_read_class_names(members, layout, path))
    train = _decode_split(members, layout.train_files, layout, path)
    test = _decode_split(members, (layout.test_file,), layout, path)
    for split in (train, test):
        if split.labels.min() < 0 or split.labels.max() >= len(classes):
            raise FovealError(f"{path} has a label outside its {len(classes)} class names.")
    return DecodedData(classes, train, test)


def _read_class_names(members: Mapping[str, bytes], layout: ArchiveLayout, path: Path) -> list[str]:
    """Return the class names from the first class-name file."""
    name = layout.class_name_files[0]
    try:
        if layout.is_binary:
            return members[name].decode().split()
        content = load_restricted_pickle(members[name])
        key = "fine_label_names" if layout.has_coarse_labels else "label_names"
        return [str(class_name) for class_name in content[key]]
    except (ValueError, KeyError, TypeError) as error:
        raise _make_damaged_file_error(path / name, error) from error


def _decode_split(
    members: Mapping[str, bytes], names: Iterable[str], layout: ArchiveLayout, path: Path
) -> Split:
    """Decode and concatenate the files of one split."""
    decode = _decode_binary_batch if layout.is_binary else _decode_pickled_batch
    splits = []
    for name in names:
        try:
            splits.append(decode(members[name], layout))
        except (ValueError, KeyError, TypeError) as error:
            raise _make_damaged_file_error(path / name, error) from error
    return concatenate_splits(splits)


def _make_damaged_file_error(path: Path, error: Exception) -> FovealError:
    """Return the error for a file that cannot be decoded."""
    return FovealError(f"{path} cannot be decoded ({error}). Download the archive again.")


def _decode_pickled_batch(content: bytes, layout: ArchiveLayout) -> Split:
    """Decode a python batch: rows of 1024 red, 1024 green and 1024 blue values, lists of labels.

    Raises:
        ValueError: the batch is damaged.
    """
    batch = load_restricted_pickle(content)
    pixels = np.asarray(batch["data"])
    if pixels.dtype != np.uint8:
        raise ValueError(f"its images are {pixels.dtype}, not uint8")
    labels = np.array(batch["fine_labels" if layout.has_coarse_labels else "labels"], np.int64)
    columns = {}
    if layout.has_coarse_labels:
        columns["coarse_label"] = np.array(batch["coarse_labels"], np.int64)
    if not len(pixels) == len(labels) > 0:
        raise ValueError(f"it has {len(pixels)} images and {len(labels)} labels")
    return Split(_reshape_to_images(pixels), labels, columns)


def _decode_binary_batch(content: bytes, layout: ArchiveLayout) -> Split:
    """Decode records of one label byte (CIFAR-100: coarse, then fine) and 3072 color bytes.

    Raises:
        ValueError: the batch is damaged.
    """
    label_bytes = 2 if layout.has_coarse_labels else 1
    records = np.frombuffer(content, np.uint8).reshape(-1, label_bytes + _VALUES_PER_IMAGE)
    if not len(records):
        raise ValueError("it is empty")
    labels = records[:, label_bytes - 1].astype(np.int64)
    columns = {}
    if layout.has_coarse_labels:
        columns["coarse_label"] = records[:, 0].astype(np.int64)
    return Split(_reshape_to_images(records[:, label_bytes:]), labels, columns)


def _reshape_to_images(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Convert rows of 3072 values, (N, 3072), to uint8 images (N, 32, 32, 3)."""
    return np.ascontiguousarray(pixels.reshape(-1, *_IMAGE_SHAPE).transpose(0, 2, 3, 1))
