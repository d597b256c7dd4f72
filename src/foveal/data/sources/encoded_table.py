"""Tables in the Hugging Face layout: a column of encoded images and a column of labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.data.dataset import Split
from foveal.data.decoded import DecodedData, concatenate_splits
from foveal.data.image_decoding import decode_image_from, require_equal_size
from foveal.errors import FovealError, UsageError

_LABEL_COLUMNS = ("label", "fine_label")
_EXTRA_COLUMNS = ("coarse_label",)

_Features = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class DecodedTable:
    """A decoded table: uint8 images (N, H, W, 3), True if all are gray, and the class names."""

    split: Split
    is_gray: bool
    classes: tuple[str, ...]


def decode_table(table: Any, source: str) -> DecodedTable:
    """Decode a pyarrow table; `source` is named in errors.

    Raises:
        UsageError: the table has no Hugging Face features, or lacks a column.
        FovealError: an image or a label is damaged or missing.
    """
    features = _read_features(table.schema, source)
    image_column = _find_image_column(features, source)
    label_column = _find_label_column(features, source)
    classes = tuple(features[label_column]["names"])
    images, is_gray = _decode_images(table[image_column].to_pylist(), source)
    labels = _read_labels(table, label_column, source)
    if labels.min() < 0 or labels.max() >= len(classes):
        raise FovealError(f"{source}: column `{label_column}` has a label outside its class names.")
    columns = {
        name: _read_labels(table, name, source) for name in _EXTRA_COLUMNS if name in features
    }
    return DecodedTable(Split(images, labels, columns), is_gray, classes)


def _read_features(schema: Any, source: str) -> _Features:
    """Return the features that `datasets` wrote into the schema, by column.

    Raises:
        UsageError: the schema has no features.
    """
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(
            f"{source} has no Hugging Face features in its schema, "
            "so its image column is unknown. Write it with `datasets`."
        ) from None


def _find_image_column(features: _Features, source: str) -> str:
    """Return the only column of type Image.

    Raises:
        UsageError: there are none or several.
    """
    names = [name for name, feature in features.items() if feature.get("_type") == "Image"]
    if len(names) != 1:
        raise UsageError(
            f"{source} should have one column of type Image. Found {len(names) or 'none'}."
        )
    return names[0]


def _find_label_column(features: _Features, source: str) -> str:
    """Return the column with the classes to learn.

    Raises:
        UsageError: there is none.
    """
    for name in _LABEL_COLUMNS:
        feature = features.get(name, {})
        if feature.get("_type") == "ClassLabel" and feature.get("names"):
            return name
    raise UsageError(
        f"{source} should have a column `{_LABEL_COLUMNS[0]}` or `{_LABEL_COLUMNS[1]}` "
        f"of type ClassLabel with class names. It has {', '.join(features)}."
    )


def _read_labels(table: Any, column: str, source: str) -> npt.NDArray[np.int64]:
    """Return a column of labels, (N,).

    Raises:
        FovealError: a row is empty.
    """
    if table[column].null_count:
        raise FovealError(f"{source}: column `{column}` has empty rows.")
    return np.array(table[column].to_pylist(), np.int64)


def _decode_images(
    cells: Sequence[Mapping[str, bytes | None] | None], source: str
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the images, uint8 (N, H, W, 3), and True if all are gray.

    Raises:
        UsageError: the images differ in size.
        FovealError: there are no rows, or an image is damaged or missing.
    """
    if not cells:
        raise FovealError(f"{source} has no rows.")
    decoded = [_decode_cell(cell, f"{source}, row {row}") for row, cell in enumerate(cells)]
    for image, _ in decoded:
        require_equal_size(image.shape, decoded[0][0].shape, source)
    return np.stack([image for image, _ in decoded]), all(is_gray for _, is_gray in decoded)


def _decode_cell(
    cell: Mapping[str, bytes | None] | None, source: str
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the image of one row, uint8 (H, W, 3), and True if it is gray."""
    encoded = cell.get("bytes") if cell else None
    if encoded is None:
        raise FovealError(f"{source}: the image is missing.")
    return decode_image_from(source, encoded)


def join_tables(tables: Mapping[str, Sequence[tuple[str, DecodedTable]]]) -> DecodedData:
    """Join the tables of `train` and `test`, each given with the name of its source.

    Raises:
        UsageError: the image sizes differ.
        FovealError: the classes or columns differ.
    """
    named_tables = [named for split_tables in tables.values() for named in split_tables]
    first_source, first = named_tables[0]
    for source, table in named_tables:
        require_equal_size(table.split.images.shape[1:], first.split.images.shape[1:], source)
        if table.classes != first.classes or set(table.split.columns) != set(first.split.columns):
            raise FovealError(f"{source} has other classes or columns than {first_source}.")
    channels = 1 if all(table.is_gray for _, table in named_tables) else 3
    train, test = (
        concatenate_splits([_keep_channels(table.split, channels) for _, table in tables[name]])
        for name in ("train", "test")
    )
    return DecodedData(first.classes, train, test)


def _keep_channels(split: Split, channels: int) -> Split:
    """Return the split with the first `channels` channels; all channels of a gray image are equal."""
    return replace(split, images=split.images[..., :channels])
