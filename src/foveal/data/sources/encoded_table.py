"""Tables in the Hugging Face layout: a column of encoded images, a column of labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.data.dataset import Split
from foveal.data.decoded import Content, join_splits
from foveal.data.image_decoding import decode_at, require_size
from foveal.errors import FovealError, UsageError

LABELS = ("label", "fine_label")
DETAILS = ("coarse_label",)


@dataclass(frozen=True, eq=False)
class Rows:
    """Decoded rows: uint8 (N, H, W, 3), and whether no image of them has color."""

    split: Split
    gray: bool
    classes: tuple[str, ...]


def decode_table(table: Any, source: str) -> Rows:
    """Decode a pyarrow table; `source` says in errors where it is from."""
    features = features_of(table.schema, source)
    image, label = image_column(features, source), label_column(features, source)
    classes = tuple(features[label]["names"])
    images, gray = decode_images(table[image].to_pylist(), source)
    labels = label_values(table, label, source)
    if labels.min() < 0 or labels.max() >= len(classes):
        raise FovealError(f"{source}: column `{label}` has a label outside its class names.")
    details = {name: label_values(table, name, source) for name in DETAILS if name in features}
    return Rows(Split(images, labels, details), gray, classes)


def features_of(schema: Any, source: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the features that `datasets` wrote into the schema, by column."""
    try:
        known = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: kind for name, kind in known.items() if isinstance(kind, dict)}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(
            f"{source} has no Hugging Face features in its schema, "
            "which say what column holds the images; write it with `datasets`."
        ) from None


def image_column(features: Mapping[str, Mapping[str, Any]], source: str) -> str:
    """Return the one column of type Image."""
    images = [name for name, kind in features.items() if kind.get("_type") == "Image"]
    if len(images) != 1:
        found = f"{len(images)} such columns" if images else "none"
        raise UsageError(f"{source} should have one column of type Image, and has {found}.")
    return images[0]


def label_column(features: Mapping[str, Mapping[str, Any]], source: str) -> str:
    """Return the column of the classes to learn."""
    for name in LABELS:
        if features.get(name, {}).get("_type") == "ClassLabel" and features[name].get("names"):
            return name
    raise UsageError(
        f"{source} should have a column `{LABELS[0]}` or `{LABELS[1]}` "
        f"of type ClassLabel with class names; it has {', '.join(features)}."
    )


def label_values(table: Any, column: str, source: str) -> npt.NDArray[np.int64]:
    """Return a column of labels, (N,)."""
    if table[column].null_count:
        raise FovealError(f"{source}: column `{column}` has empty rows.")
    return np.array(table[column].to_pylist(), np.int64)


def decode_images(
    cells: Sequence[Mapping[str, bytes | None] | None], source: str
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the images uint8 (N, H, W, 3), and whether all of them are gray."""
    if not cells:
        raise FovealError(f"{source} has no rows.")
    decoded = [decode_cell(cell, f"{source}, row {row}") for row, cell in enumerate(cells)]
    for image, _ in decoded:
        require_size(image.shape, decoded[0][0].shape, source)
    return np.stack([image for image, _ in decoded]), all(gray for _, gray in decoded)


def decode_cell(
    cell: Mapping[str, bytes | None] | None, place: str
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the image of one row as uint8 (H, W, 3), and whether it is gray."""
    encoded = cell.get("bytes") if cell else None
    if encoded is None:
        raise FovealError(f"{place}: the image is missing.")
    return decode_at(place, encoded)


def join(parts: Mapping[str, Sequence[tuple[str, Rows]]]) -> Content:
    """Join the parts of `train` and `test`, each with the name of its source."""
    named = [part for split in parts.values() for part in split]
    first = named[0][1]
    for source, rows in named:
        require_size(rows.split.images.shape[1:], first.split.images.shape[1:], source)
        if rows.classes != first.classes or set(rows.split.details) != set(first.split.details):
            raise FovealError(f"{source} has other classes or columns than {named[0][0]}.")
    channels = 1 if all(rows.gray for _, rows in named) else 3
    train, test = (
        join_splits([with_channels(rows.split, channels) for _, rows in parts[name]])
        for name in ("train", "test")
    )
    return Content(first.classes, train, test)


def with_channels(split: Split, channels: int) -> Split:
    """Keep the first `channels` channels; those of a gray image are all the same."""
    return replace(split, images=split.images[..., :channels])
