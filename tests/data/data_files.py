"""Tiny data sets on disk, in the supported layouts."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

Images = npt.NDArray[np.uint8]
CLASSES = ("cat", "dog", "owl")


def make_images(count: int, size: tuple[int, int] = (6, 8), seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def encode_image(image: Image.Image, image_format: str) -> bytes:
    out = io.BytesIO()
    image.save(
        out, image_format, **({"lossless": True, "quality": 0} if image_format == "WEBP" else {})
    )
    return out.getvalue()


def make_features(
    classes: Sequence[str] = CLASSES, label: str = "label"
) -> dict[str, dict[str, Any]]:
    return {
        "img": {"_type": "Image"},
        label: {"names": list(classes), "_type": "ClassLabel"},
    }


def write_shard(
    path: Path,
    encoded: Sequence[bytes | None],
    labels: Sequence[int | None],
    *,
    features: Mapping[str, Any] | None,
    label: str = "label",
    coarse: Sequence[int] | None = None,
) -> None:
    columns: dict[str, Any] = {
        "img": pa.array(
            [{"bytes": content, "path": None} for content in encoded],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        ),
        label: pa.array(labels, pa.int64()),
    }
    if coarse is not None:
        columns["coarse_label"] = pa.array(coarse, pa.int64())
    table = pa.table(columns)
    if features is not None:
        metadata = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({b"huggingface": metadata.encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def write_parquet_folder(
    folder: Path,
    *,
    train: int = 20,
    test: int = 7,
    image_format: str = "PNG",
    size: tuple[int, int] = (6, 8),
) -> tuple[Images, Images]:
    """Write a folder of random images, training images in two shards, labels 0 1 2 0 1 2 ..."""
    images = make_images(train, size), make_images(test, size, seed=1)
    half = train // 2
    for name, split_images, first_label in (
        ("train-00000-of-00002", images[0][:half], 0),
        ("train-00001-of-00002", images[0][half:], half),
        ("test-00000-of-00001", images[1], 0),
    ):
        encoded = [encode_image(Image.fromarray(image), image_format) for image in split_images]
        labels = [(first_label + row) % 3 for row in range(len(split_images))]
        write_shard(folder / "data" / f"{name}.parquet", encoded, labels, features=make_features())
    return images


def find_rows(images: Images, all_images: Images) -> list[int]:
    """Return the row of each image in `all_images`."""
    index = {image.tobytes(): row for row, image in enumerate(all_images)}
    return [index[image.tobytes()] for image in images]


def require_real_data(name: str) -> Path:
    """Return the folder of a real data set, or skip the test."""
    if "FOVEAL_DATA" not in os.environ:
        pytest.skip("FOVEAL_DATA, the folder of cifar10/ and cifar100/, is not set")
    return Path(os.environ["FOVEAL_DATA"]) / name


@contextmanager
def assert_unchanged(folder: Path) -> Iterator[None]:
    """Fail if a file below `folder` is added, removed or changed."""

    def read_files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = read_files()
    yield
    assert read_files() == before
