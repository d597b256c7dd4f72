"""Folders of image files, compared with torchvision where it reads and scales the same."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torchvision
import torchvision.transforms.functional as transforms
from PIL import Image

from data.data_files import (
    Images,
    assert_unchanged,
    encode_image,
    find_rows,
    make_images,
    require_real_data,
)
from foveal.data import ImageData, load_data
from foveal.data.image_decoding import decode_image
from foveal.data.sources.image_folder import find_image_folder
from foveal.errors import FovealError, UsageError

NamedImages = Mapping[str, Image.Image]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cats and three dogs to train on, and one of each to test on."""
    return write_images(tmp_path / "pets", make_pets())


def make_image(seed: int = 0, size: tuple[int, int] = (6, 8)) -> Image.Image:
    return Image.fromarray(make_images(1, size, seed)[0])


def make_pets() -> dict[str, Image.Image]:
    cats = ["train/cat/a.png", "train/cat/b.png", "test/cat/x.png"]
    dogs = ["train/dog/c.png", "train/dog/d.png", "train/dog/e.png", "test/dog/x.png"]
    return {name: make_image(row) for row, name in enumerate([*cats, *dogs])}


def write_images(folder: Path, images: NamedImages) -> Path:
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)
    return folder


def stack_images(images: NamedImages, split: str) -> Images:
    return np.stack([np.asarray(images[name]) for name in sorted(images) if split in name])


def assert_contains(data: ImageData, images: NamedImages, test: str = "test") -> None:
    np.testing.assert_array_equal(data.train.images, stack_images(images, "train"))
    np.testing.assert_array_equal(data.test.images, stack_images(images, test))


def test_classes_are_folders_and_images_are_sorted_by_name(folder: Path) -> None:
    data = load_data(str(folder))
    assert_contains(data, make_pets())
    assert (data.name, data.classes, data.image_shape) == ("pets", ("cat", "dog"), (3, 6, 8))
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 0, 1, 1, 1], [0, 1])
    assert data.train.labels.dtype == np.int64


def test_classes_and_labels_equal_torchvision(tmp_path: Path) -> None:
    names = ["b/10.png", "b/9.png", "B/a.JPG", "a/deep/z.bmp", "a/y.jpeg", "é/x.webp", "a b/x.png"]
    write_images(
        tmp_path, {f"{split}/{name}": make_image() for split in ("train", "test") for name in names}
    )
    theirs = torchvision.datasets.ImageFolder(str(tmp_path / "train"))
    ours = find_image_folder(tmp_path)
    assert ours is not None
    assert list(ours.classes) == theirs.classes
    assert {(str(path), label) for path, label in ours.train} == set(theirs.samples)
    assert [label for _, label in ours.train] == theirs.targets


@pytest.mark.parametrize("split", ["test", "val", "validation"])
def test_validation_folder_is_the_test_split_if_there_is_no_other(
    split: str, tmp_path: Path
) -> None:
    images = {name.replace("test/", f"{split}/"): image for name, image in make_pets().items()}
    folder = write_images(tmp_path / "pets", images)
    assert_contains(load_data(folder), images, split)
    if split != "test":  # and only then
        write_images(folder, {"test/dog/only.png": make_image(9)})
        data = load_data(folder)
        np.testing.assert_array_equal(data.test.images[0], np.asarray(make_image(9)))
        assert data.test.labels.tolist() == [1]


def test_ignores_other_files(folder: Path) -> None:
    write_images(
        folder, {"train/cat/.hidden.png": make_image(), "train/cat/.aside/a.png": make_image()}
    )
    write_images(folder, {"train/.hidden/a.png": make_image(), "train/beside.png": make_image()})
    (folder / "train" / "dog" / "notes.txt").write_text("good dogs")
    with assert_unchanged(folder):
        assert_contains(load_data(folder), make_pets())


def test_parquet_takes_precedence(folder: Path) -> None:
    (folder / "train.parquet").touch()
    with pytest.raises(UsageError, match=r"no test-\*\.parquet"):
        load_data(folder)


def test_only_gray_images_have_one_channel(folder: Path) -> None:
    write_images(folder, {name: image.convert("L") for name, image in make_pets().items()})
    data = load_data(folder)
    assert data.image_shape == (1, 6, 8)
    first = np.asarray(make_pets()["train/cat/a.png"].convert("L"))
    np.testing.assert_array_equal(data.train.images[0, ..., 0], first)
    assert load_data(folder, image_size=4).image_shape == (1, 4, 4)
    write_images(folder, {"test/cat/x.png": make_image()})
    data = load_data(folder)
    assert data.image_shape == (3, 6, 8)
    np.testing.assert_array_equal(data.train.images[0], first[..., None].repeat(3, -1))


@pytest.mark.parametrize("name", ["train/dog/e.png", "test/cat/x.png"])
def test_different_image_sizes_need_image_size(name: str, folder: Path) -> None:
    write_images(folder, {name: make_image(size=(9, 5))})
    with pytest.raises(
        UsageError, match=rf"Found 9 x 5 in .*{name} and 6 x 8 before\. Give `image_size`"
    ):
        load_data(folder)
    assert load_data(folder, image_size=4).image_shape == (3, 4, 4)


@pytest.mark.parametrize("size", [(20, 20), (40, 31), (31, 40), (13, 97), (7, 6), (16, 33)])
@pytest.mark.parametrize("image_size", [16, 9])
def test_center_square_equals_torchvision(size: tuple[int, int], image_size: int) -> None:
    image = make_image(size=size)
    scaled = transforms.resize(image, image_size, transforms.InterpolationMode.BILINEAR)
    expected = transforms.center_crop(scaled, [image_size, image_size])
    actual, _ = decode_image(encode_image(image, "PNG"), image_size=image_size)
    np.testing.assert_array_equal(actual, np.asarray(expected))


def test_square_of_that_size_is_unchanged(tmp_path: Path) -> None:
    images = {name: make_image(row, (8, 8)) for row, name in enumerate(make_pets())}
    assert_contains(load_data(write_images(tmp_path / "pets", images), image_size=8), images)


@pytest.mark.parametrize("image_size", [0, -3, 2.5, True, "32"])
def test_refuses_invalid_image_size(image_size: int, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"`image_size` should be an integer, at least 1"):
        load_data(folder, image_size=image_size)


def test_second_load_uses_the_cache(folder: Path, cache: Path) -> None:
    first, again = load_data(folder), load_data(folder)
    assert first.checksum == again.checksum
    assert isinstance(again.train.images, np.memmap)
    assert len(list_entries(cache)) == 1
    np.testing.assert_array_equal(first.train.images, again.train.images)


def list_entries(cache: Path) -> list[Path]:
    return [path for path in (cache / "data").iterdir() if path.is_dir()]


def test_each_image_size_has_its_own_cache_entry(folder: Path, cache: Path) -> None:
    loaded = [load_data(folder, image_size=size) for size in (None, 4, 6)]
    assert [data.image_shape[1:] for data in loaded] == [(6, 8), (4, 4), (6, 6)]
    assert len(list_entries(cache)) == len({data.checksum for data in loaded}) == 3


def test_moving_an_image_to_another_class_changes_the_checksum(folder: Path) -> None:
    before = load_data(folder)
    # The last cat becomes the first dog: neither its name nor its position changes.
    (folder / "train" / "cat" / "b.png").rename(folder / "train" / "dog" / "b.png")
    after = load_data(folder)
    np.testing.assert_array_equal(before.train.images, after.train.images)
    assert after.train.labels.tolist() == [0, 1, 1, 1, 1]
    assert before.checksum != after.checksum


def test_checksum_is_independent_of_the_location(folder: Path, tmp_path: Path) -> None:
    copy = write_images(tmp_path / "elsewhere", make_pets())
    assert load_data(folder).checksum == load_data(copy).checksum


def test_holds_out_images_and_takes_subsets(folder: Path) -> None:
    whole = load_data(folder)
    data = load_data(folder, train_size=2, validation=2, test_size=1)
    assert data.validation is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (2, 2, 1)
    rows = [find_rows(part.images, whole.train.images) for part in (data.train, data.validation)]
    assert len({*rows[0], *rows[1]}) == 4
    np.testing.assert_array_equal(data.train.labels, whole.train.labels[rows[0]])
    assert data.checksum == whole.checksum
    images, labels = next(data.training_batches(batch_size=2, seed=0, epoch=0))
    assert (images.shape, labels.shape) == ((2, 3, 6, 8), (2,))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_error_names_a_damaged_file(suffix: str, folder: Path, cache: Path) -> None:
    path = folder / "train" / "dog" / f"f.{suffix}"
    make_image().save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(
        FovealError, match=rf"dog/f\.{suffix}: the image cannot be decoded"
    ) as error:
        load_data(folder)
    assert error.value.exit_code == 1
    assert not list_entries(cache)


def test_refuses_other_format_with_known_suffix(folder: Path) -> None:
    make_image().save(folder / "train" / "cat" / "c.png", "TIFF")
    with pytest.raises(FovealError, match=r"cat/c\.png: the image cannot be decoded"):
        load_data(folder)


def test_error_names_an_unknown_class(folder: Path) -> None:
    write_images(folder, {"test/cow/x.png": make_image()})
    with pytest.raises(UsageError, match=r"test/cow is not a class: .*train has no folder of that"):
        load_data(folder)


@pytest.mark.parametrize("name", ["train/cow", "test/dog"])
def test_error_names_a_class_without_images(name: str, folder: Path) -> None:
    (folder / name).mkdir(exist_ok=True)
    for path in (folder / name).iterdir():
        path.rename(path.with_suffix(".tif"))
    with pytest.raises(UsageError, match=rf"{name} should contain an image \(\.png, .* Found none"):
        load_data(folder)


def test_requires_a_test_split(folder: Path, tmp_path: Path) -> None:
    (folder / "test").rename(tmp_path / "away")
    with pytest.raises(UsageError, match="should also have one of test, val, validation"):
        load_data(folder)
    (folder / "test").mkdir()
    with pytest.raises(UsageError, match="test should have a folder for each class"):
        load_data(folder)


def test_folder_without_classes_is_not_an_image_folder(tmp_path: Path) -> None:
    write_images(tmp_path / "set", {"train/a.png": make_image(), "test/a.png": make_image()})
    assert find_image_folder(tmp_path / "set") is None
    with pytest.raises(UsageError, match="image files in train/CLASS and test/CLASS"):
        load_data(tmp_path / "set")


def test_cifar10_images_are_the_same_as_files(tmp_path: Path) -> None:
    shard = next((require_real_data("cifar10") / "data").glob("test-*.parquet"))
    rows = next(pq.ParquetFile(shard).iter_batches(20)).to_pylist()
    for split in ("train", "test"):
        for number, row in enumerate(rows):
            path = tmp_path / split / str(row["label"]) / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(row["img"]["bytes"])
    data = load_data(tmp_path)
    order = sorted(rows, key=lambda row: int(row["label"]))
    for image, label, row in zip(data.train.images, data.train.labels, order, strict=True):
        assert data.classes[label] == str(row["label"])
        with Image.open(io.BytesIO(row["img"]["bytes"])) as stored:
            np.testing.assert_array_equal(image, np.asarray(stored))
