"""Parquet folders in the Hugging Face layout, written by pyarrow and by `datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.image_folders import CLASSES, encode, features, random_images, write_folder, write_shard
from foveal.data.decoded import Content
from foveal.data.sources.hub import hub_files, open_hub, read_hub
from foveal.data.sources.parquet import find_shards, read_parquet
from foveal.errors import FovealError, UsageError


def read(folder: Path) -> Content:
    shards = find_shards(folder)
    assert shards is not None
    return read_parquet(shards)


def write_pair(
    folder: Path,
    pictures: list[Image.Image],
    *,
    labels: list[int | None] | None = None,
    known: dict[str, Any] | None = None,
    **options: Any,
) -> None:
    """Write the same pictures as train and test."""
    encoded = [encode(picture, "PNG") for picture in pictures]
    for split in ("train", "test"):
        path = folder / f"{split}.parquet"
        write_shard(
            path, encoded, labels or [0] * len(encoded), known=known or features(), **options
        )


def color() -> Image.Image:
    return Image.fromarray(random_images(1)[0])


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_images_come_back_bit_by_bit(form: str, tmp_path: Path) -> None:
    train, test = write_folder(tmp_path, form=form)
    content = read(tmp_path)
    np.testing.assert_array_equal(content.train.images, train)
    np.testing.assert_array_equal(content.test.images, test)
    assert content.train.labels.tolist() == [row % 3 for row in range(20)]
    assert content.train.labels.dtype == np.int64
    assert content.classes == CLASSES


def test_shards_may_stand_in_the_folder_itself(tmp_path: Path) -> None:
    train, _ = write_folder(tmp_path)
    np.testing.assert_array_equal(read(tmp_path / "data").train.images, train)


def test_what_datasets_writes_is_read_and_so_is_what_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    images = random_images(6)
    columns = {
        "image": datasets.Image(),
        "fine_label": datasets.ClassLabel(names=list(CLASSES)),
        "coarse_label": datasets.ClassLabel(names=["a", "b"]),
    }
    for split, part in (("train", images[:4]), ("test", images[4:])):
        rows = {
            "image": [Image.fromarray(image) for image in part],
            "fine_label": [2] * len(part),
            "coarse_label": [1] * len(part),
        }
        table = datasets.Dataset.from_dict(rows, features=datasets.Features(columns))
        (tmp_path / "set").mkdir(exist_ok=True)
        table.to_parquet(tmp_path / "set" / f"{split}-00000-of-00001.parquet")
    opened = open_hub(str(tmp_path / "set"))
    assert all(path.is_file() for path in hub_files(opened))
    for content in (read(tmp_path / "set"), read_hub(opened)):
        np.testing.assert_array_equal(content.train.images, images[:4])
        np.testing.assert_array_equal(content.test.images, images[4:])
        assert content.train.labels.tolist() == [2, 2, 2, 2]
        assert content.test.details["coarse_label"].tolist() == [1, 1]
        assert content.classes == CLASSES


def test_coarse_labels_are_kept(tmp_path: Path) -> None:
    known = features(label="fine_label") | {"coarse_label": {"names": ["a"], "_type": "ClassLabel"}}
    write_pair(tmp_path, [color()] * 2, known=known, label="fine_label", coarse=[3, 4])
    assert read(tmp_path).test.details["coarse_label"].tolist() == [3, 4]


def test_only_gray_images_have_one_channel(tmp_path: Path) -> None:
    gray = Image.fromarray(random_images(1)[0, ..., 0])
    write_pair(tmp_path / "gray", [gray, gray])
    images = read(tmp_path / "gray").train.images
    assert images.shape == (2, 6, 8, 1)
    np.testing.assert_array_equal(images[0, ..., 0], np.asarray(gray))
    write_pair(tmp_path / "mixed", [gray, color()])
    images = read(tmp_path / "mixed").train.images
    np.testing.assert_array_equal(images[0], np.asarray(gray)[..., None].repeat(3, -1))
    np.testing.assert_array_equal(images[1], np.asarray(color()))


def test_palette_and_transparency_become_colors(tmp_path: Path) -> None:
    palette = color().quantize(16)
    palette.info["transparency"] = bytes(range(16))
    clear = color().copy()
    clear.putalpha(7)
    write_pair(tmp_path, [palette, clear])
    images = read(tmp_path).train.images
    np.testing.assert_array_equal(images[0], np.asarray(color().quantize(16).convert("RGB")))
    np.testing.assert_array_equal(images[1], np.asarray(color()))


def test_a_cut_shard_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    shard = tmp_path / "data" / "train-00001-of-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:-500])
    with pytest.raises(FovealError, match=r"train-00001-of-00002\.parquet is damaged") as error:
        read(tmp_path)
    assert error.value.exit_code == 1


def test_bytes_lost_in_the_middle_of_a_shard_are_found(tmp_path: Path) -> None:
    write_folder(tmp_path)
    shard = tmp_path / "data" / "train-00001-of-00002.parquet"
    content = shard.read_bytes()
    shard.write_bytes(content[:500] + bytes(400) + content[900:])
    with pytest.raises(FovealError, match=r"train-00001-of-00002\.parquet"):
        read(tmp_path)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_damaged_image_is_named_with_its_row(form: str, tmp_path: Path) -> None:
    write_folder(tmp_path)
    whole = encode(color(), form)
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    for cut in (0, 4, len(whole) // 2, 3 * len(whole) // 4):
        write_shard(path, [whole, whole[:cut]], [0, 1], known=features())
        with pytest.raises(FovealError, match=r"test-0.*, row 1: the image cannot be decoded"):
            read(tmp_path)


def test_a_missing_image_is_named_with_its_row(tmp_path: Path) -> None:
    write_folder(tmp_path)
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    write_shard(path, [encode(color(), "PNG"), None], [0, 1], known=features())
    with pytest.raises(FovealError, match="row 1: the image is missing"):
        read(tmp_path)


def test_an_empty_shard_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, [])
    with pytest.raises(FovealError, match=r"train.parquet has no rows"):
        read(tmp_path)


def test_images_of_16_bits_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, [Image.fromarray(np.full((6, 8), 3000, np.uint16))])
    with pytest.raises(FovealError, match="only images of 8 bits"):
        read(tmp_path)


def test_a_missing_shard_is_missed(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "data" / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(FovealError, match="one of 2 shards, and 1 were found"):
        read(tmp_path)


def test_a_missing_split_is_missed(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "data" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(
        UsageError, match=r"no test-\*.parquet; it has train-00000-of-00002.parquet"
    ):
        read(tmp_path)


def test_a_folder_without_parquet_has_no_shards(tmp_path: Path) -> None:
    assert find_shards(tmp_path) is None


def test_sizes_may_not_differ(tmp_path: Path) -> None:
    other = Image.fromarray(random_images(1, (5, 8))[0])
    write_pair(tmp_path / "rows", [color(), other])
    with pytest.raises(UsageError, match="has 5 x 8 besides 6 x 8"):
        read(tmp_path / "rows")
    write_folder(tmp_path / "splits")
    path = tmp_path / "splits" / "data" / "test-00000-of-00001.parquet"
    write_shard(path, [encode(other, "PNG")], [0], known=features())
    with pytest.raises(UsageError, match="has 5 x 8 besides 6 x 8"):
        read(tmp_path / "splits")


def test_classes_may_not_differ(tmp_path: Path) -> None:
    write_folder(tmp_path)
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    write_shard(path, [encode(color(), "PNG")], [0], known=features(classes=("cat", "owl", "dog")))
    with pytest.raises(FovealError, match="has other classes or columns than"):
        read(tmp_path)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_without_a_class_is_refused(label: int, tmp_path: Path) -> None:
    write_pair(tmp_path, [color()] * 2, labels=[0, label])
    with pytest.raises(FovealError, match="label outside its class names"):
        read(tmp_path)


def test_a_row_without_a_label_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, [color()] * 2, labels=[0, None])
    with pytest.raises(FovealError, match="column `label` has empty rows"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"label": {"_type": "ClassLabel", "names": ["a"]}}, "one column of type Image.*has none"),
        ({"img": {"_type": "Image"}, "more": {"_type": "Image"}}, "has 2 such columns"),
        ({"img": {"_type": "Image"}, "label": {"_type": "Value"}}, "of type ClassLabel"),
        ({"img": {"_type": "Image"}}, "a column `label` or `fine_label`"),
        ([], "has no Hugging Face features"),
    ],
)
def test_a_schema_without_the_columns_is_refused(known: Any, message: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        path = tmp_path / f"{split}.parquet"
        write_shard(path, [encode(color(), "PNG")], [0], known=known)
    with pytest.raises(UsageError, match=message):
        read(tmp_path)


def test_a_schema_without_features_is_refused(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_shard(tmp_path / f"{split}.parquet", [encode(color(), "PNG")], [0], known=None)
    with pytest.raises(UsageError, match="has no Hugging Face features"):
        read(tmp_path)
