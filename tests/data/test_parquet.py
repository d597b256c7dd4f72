"""Parquet folders in the Hugging Face layout, written by pyarrow and by `datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.data_files import (
    CLASSES,
    encode_image,
    make_features,
    make_images,
    write_parquet_folder,
    write_shard,
)
from foveal.data.decoded import DecodedData
from foveal.data.sources.hub import decode_hub_splits, list_hub_files, load_hub_splits
from foveal.data.sources.parquet import find_shards, read_parquet
from foveal.errors import FovealError, UsageError


def read_folder(folder: Path) -> DecodedData:
    shards = find_shards(folder)
    assert shards is not None
    return read_parquet(shards)


def write_both_splits(
    folder: Path,
    images: list[Image.Image],
    *,
    labels: list[int | None] | None = None,
    features: dict[str, Any] | None = None,
    **options: Any,
) -> None:
    """Write the same images as train and test."""
    encoded = [encode_image(image, "PNG") for image in images]
    for split in ("train", "test"):
        path = folder / f"{split}.parquet"
        write_shard(
            path,
            encoded,
            labels or [0] * len(encoded),
            features=features or make_features(),
            **options,
        )


def make_color_image() -> Image.Image:
    return Image.fromarray(make_images(1)[0])


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_reads_images_bit_by_bit(image_format: str, tmp_path: Path) -> None:
    train, test = write_parquet_folder(tmp_path, image_format=image_format)
    content = read_folder(tmp_path)
    np.testing.assert_array_equal(content.train.images, train)
    np.testing.assert_array_equal(content.test.images, test)
    assert content.train.labels.tolist() == [row % 3 for row in range(20)]
    assert content.train.labels.dtype == np.int64
    assert content.classes == CLASSES


def test_reads_shards_in_the_folder_itself(tmp_path: Path) -> None:
    train, _ = write_parquet_folder(tmp_path)
    np.testing.assert_array_equal(read_folder(tmp_path / "data").train.images, train)


def test_reads_what_datasets_writes_and_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    images = make_images(6)
    columns = {
        "image": datasets.Image(),
        "fine_label": datasets.ClassLabel(names=list(CLASSES)),
        "coarse_label": datasets.ClassLabel(names=["a", "b"]),
    }
    for split, split_images in (("train", images[:4]), ("test", images[4:])):
        rows = {
            "image": [Image.fromarray(image) for image in split_images],
            "fine_label": [2] * len(split_images),
            "coarse_label": [1] * len(split_images),
        }
        table = datasets.Dataset.from_dict(rows, features=datasets.Features(columns))
        (tmp_path / "set").mkdir(exist_ok=True)
        table.to_parquet(tmp_path / "set" / f"{split}-00000-of-00001.parquet")
    opened = load_hub_splits(str(tmp_path / "set"))
    assert all(path.is_file() for path in list_hub_files(opened))
    for content in (read_folder(tmp_path / "set"), decode_hub_splits(opened)):
        np.testing.assert_array_equal(content.train.images, images[:4])
        np.testing.assert_array_equal(content.test.images, images[4:])
        assert content.train.labels.tolist() == [2, 2, 2, 2]
        assert content.test.columns["coarse_label"].tolist() == [1, 1]
        assert content.classes == CLASSES


def test_keeps_coarse_labels(tmp_path: Path) -> None:
    features = make_features(label="fine_label") | {
        "coarse_label": {"names": ["a"], "_type": "ClassLabel"}
    }
    write_both_splits(
        tmp_path, [make_color_image()] * 2, features=features, label="fine_label", coarse=[3, 4]
    )
    assert read_folder(tmp_path).test.columns["coarse_label"].tolist() == [3, 4]


def test_only_gray_images_have_one_channel(tmp_path: Path) -> None:
    gray = Image.fromarray(make_images(1)[0, ..., 0])
    write_both_splits(tmp_path / "gray", [gray, gray])
    images = read_folder(tmp_path / "gray").train.images
    assert images.shape == (2, 6, 8, 1)
    np.testing.assert_array_equal(images[0, ..., 0], np.asarray(gray))
    write_both_splits(tmp_path / "mixed", [gray, make_color_image()])
    images = read_folder(tmp_path / "mixed").train.images
    np.testing.assert_array_equal(images[0], np.asarray(gray)[..., None].repeat(3, -1))
    np.testing.assert_array_equal(images[1], np.asarray(make_color_image()))


def test_converts_palette_and_transparency_to_colors(tmp_path: Path) -> None:
    palette = make_color_image().quantize(16)
    palette.info["transparency"] = bytes(range(16))
    clear = make_color_image().copy()
    clear.putalpha(7)
    write_both_splits(tmp_path, [palette, clear])
    images = read_folder(tmp_path).train.images
    np.testing.assert_array_equal(
        images[0], np.asarray(make_color_image().quantize(16).convert("RGB"))
    )
    np.testing.assert_array_equal(images[1], np.asarray(make_color_image()))


def test_error_names_a_truncated_shard(tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    shard = tmp_path / "data" / "train-00001-of-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:-500])
    with pytest.raises(FovealError, match=r"train-00001-of-00002\.parquet is damaged") as error:
        read_folder(tmp_path)
    assert error.value.exit_code == 1


def test_detects_damage_in_the_middle_of_a_shard(tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    shard = tmp_path / "data" / "train-00001-of-00002.parquet"
    content = shard.read_bytes()
    shard.write_bytes(content[:500] + bytes(400) + content[900:])
    with pytest.raises(FovealError, match=r"train-00001-of-00002\.parquet"):
        read_folder(tmp_path)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_error_names_the_row_of_a_damaged_image(image_format: str, tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    whole = encode_image(make_color_image(), image_format)
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    for cut in (0, 4, len(whole) // 2, 3 * len(whole) // 4):
        write_shard(path, [whole, whole[:cut]], [0, 1], features=make_features())
        with pytest.raises(FovealError, match=r"test-0.*, row 1: the image cannot be decoded"):
            read_folder(tmp_path)


def test_error_names_the_row_of_a_missing_image(tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    write_shard(
        path, [encode_image(make_color_image(), "PNG"), None], [0, 1], features=make_features()
    )
    with pytest.raises(FovealError, match="row 1: the image is missing"):
        read_folder(tmp_path)


def test_refuses_empty_shard(tmp_path: Path) -> None:
    write_both_splits(tmp_path, [])
    with pytest.raises(FovealError, match=r"train.parquet has no rows"):
        read_folder(tmp_path)


def test_refuses_16_bit_images(tmp_path: Path) -> None:
    write_both_splits(tmp_path, [Image.fromarray(np.full((6, 8), 3000, np.uint16))])
    with pytest.raises(FovealError, match="only images with 8 bits"):
        read_folder(tmp_path)


def test_detects_missing_shard(tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    (tmp_path / "data" / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(FovealError, match="one of 2 shards, but there are 1"):
        read_folder(tmp_path)


def test_detects_missing_split(tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    (tmp_path / "data" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(
        UsageError, match=r"no test-\*.parquet. It has train-00000-of-00002.parquet"
    ):
        read_folder(tmp_path)


def test_folder_without_parquet_has_no_shards(tmp_path: Path) -> None:
    assert find_shards(tmp_path) is None


def test_refuses_different_image_sizes(tmp_path: Path) -> None:
    wrong_size_image = Image.fromarray(make_images(1, (5, 8))[0])
    write_both_splits(tmp_path / "rows", [make_color_image(), wrong_size_image])
    with pytest.raises(UsageError, match=r"Found 5 x 8 in .* and 6 x 8 before"):
        read_folder(tmp_path / "rows")
    write_parquet_folder(tmp_path / "splits")
    path = tmp_path / "splits" / "data" / "test-00000-of-00001.parquet"
    write_shard(path, [encode_image(wrong_size_image, "PNG")], [0], features=make_features())
    with pytest.raises(UsageError, match=r"Found 5 x 8 in .* and 6 x 8 before"):
        read_folder(tmp_path / "splits")


def test_refuses_different_classes(tmp_path: Path) -> None:
    write_parquet_folder(tmp_path)
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    write_shard(
        path,
        [encode_image(make_color_image(), "PNG")],
        [0],
        features=make_features(classes=("cat", "owl", "dog")),
    )
    with pytest.raises(FovealError, match="has other classes or columns than"):
        read_folder(tmp_path)


@pytest.mark.parametrize("label", [-1, 3])
def test_refuses_label_without_class(label: int, tmp_path: Path) -> None:
    write_both_splits(tmp_path, [make_color_image()] * 2, labels=[0, label])
    with pytest.raises(FovealError, match="label outside its class names"):
        read_folder(tmp_path)


def test_refuses_row_without_label(tmp_path: Path) -> None:
    write_both_splits(tmp_path, [make_color_image()] * 2, labels=[0, None])
    with pytest.raises(FovealError, match="column `label` has empty rows"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {"label": {"_type": "ClassLabel", "names": ["a"]}},
            "one column of type Image.*Found none",
        ),
        ({"img": {"_type": "Image"}, "more": {"_type": "Image"}}, "Found 2"),
        ({"img": {"_type": "Image"}, "label": {"_type": "Value"}}, "of type ClassLabel"),
        ({"img": {"_type": "Image"}}, "a column `label` or `fine_label`"),
        ([], "has no Hugging Face features"),
    ],
)
def test_refuses_schema_without_the_columns(features: Any, message: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        path = tmp_path / f"{split}.parquet"
        write_shard(path, [encode_image(make_color_image(), "PNG")], [0], features=features)
    with pytest.raises(UsageError, match=message):
        read_folder(tmp_path)


def test_refuses_schema_without_features(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_shard(
            tmp_path / f"{split}.parquet",
            [encode_image(make_color_image(), "PNG")],
            [0],
            features=None,
        )
    with pytest.raises(UsageError, match="has no Hugging Face features"):
        read_folder(tmp_path)
