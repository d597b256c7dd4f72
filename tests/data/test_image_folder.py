"""Folders of image files, a folder a class; the scaling against torchvision's."""

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

from data.image_folders import Images, encode, random_images, real, unchanged, where
from foveal.data import ImageData, load_data
from foveal.data.image_decoding import decode_image
from foveal.data.sources.image_folder import find_image_folder
from foveal.errors import FovealError, UsageError

Pictures = Mapping[str, Image.Image]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cats and three dogs to train on, and one of each to test on."""
    return write(tmp_path / "pets", pets())


def picture(seed: int = 0, size: tuple[int, int] = (6, 8)) -> Image.Image:
    return Image.fromarray(random_images(1, size, seed)[0])


def pets() -> dict[str, Image.Image]:
    cats = ["train/cat/a.png", "train/cat/b.png", "test/cat/x.png"]
    dogs = ["train/dog/c.png", "train/dog/d.png", "train/dog/e.png", "test/dog/x.png"]
    return {name: picture(row) for row, name in enumerate([*cats, *dogs])}


def write(folder: Path, pictures: Pictures) -> Path:
    for name, image in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)
    return folder


def pixels(pictures: Pictures, split: str) -> Images:
    return np.stack([np.asarray(pictures[name]) for name in sorted(pictures) if split in name])


def assert_holds(data: ImageData, pictures: Pictures, test: str = "test") -> None:
    np.testing.assert_array_equal(data.train.images, pixels(pictures, "train"))
    np.testing.assert_array_equal(data.test.images, pixels(pictures, test))


def test_classes_are_the_folders_and_images_stand_in_the_order_of_their_names(folder: Path) -> None:
    data = load_data(str(folder))
    assert_holds(data, pets())
    assert (data.name, data.classes, data.image_shape) == ("pets", ("cat", "dog"), (3, 6, 8))
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 0, 1, 1, 1], [0, 1])
    assert data.train.labels.dtype == np.int64


def test_classes_and_labels_are_those_of_torchvision(tmp_path: Path) -> None:
    names = ["b/10.png", "b/9.png", "B/a.JPG", "a/deep/z.bmp", "a/y.jpeg", "é/x.webp", "a b/x.png"]
    write(tmp_path, {f"{split}/{name}": picture() for split in ("train", "test") for name in names})
    theirs = torchvision.datasets.ImageFolder(str(tmp_path / "train"))
    ours = find_image_folder(tmp_path)
    assert ours is not None
    assert list(ours.classes) == theirs.classes
    assert {(str(path), label) for path, label in ours.train} == set(theirs.samples)
    assert [label for _, label in ours.train] == theirs.targets


@pytest.mark.parametrize("split", ["test", "val", "validation"])
def test_a_validation_folder_is_the_test_split_where_there_is_no_other(
    split: str, tmp_path: Path
) -> None:
    pictures = {name.replace("test/", f"{split}/"): image for name, image in pets().items()}
    folder = write(tmp_path / "pets", pictures)
    assert_holds(load_data(folder), pictures, split)
    if split != "test":  # and only there
        write(folder, {"test/dog/only.png": picture(9)})
        data = load_data(folder)
        np.testing.assert_array_equal(data.test.images[0], np.asarray(picture(9)))
        assert data.test.labels.tolist() == [1]


def test_other_files_are_left_alone(folder: Path) -> None:
    write(folder, {"train/cat/.hidden.png": picture(), "train/cat/.aside/a.png": picture()})
    write(folder, {"train/.hidden/a.png": picture(), "train/beside.png": picture()})
    (folder / "train" / "dog" / "notes.txt").write_text("good dogs")
    with unchanged(folder):
        assert_holds(load_data(folder), pets())


def test_parquet_goes_first(folder: Path) -> None:
    (folder / "train.parquet").touch()
    with pytest.raises(UsageError, match=r"no test-\*\.parquet"):
        load_data(folder)


def test_only_gray_images_have_one_channel(folder: Path) -> None:
    write(folder, {name: image.convert("L") for name, image in pets().items()})
    data = load_data(folder)
    assert data.image_shape == (1, 6, 8)
    first = np.asarray(pets()["train/cat/a.png"].convert("L"))
    np.testing.assert_array_equal(data.train.images[0, ..., 0], first)
    assert load_data(folder, image_size=4).image_shape == (1, 4, 4)
    write(folder, {"test/cat/x.png": picture()})
    data = load_data(folder)
    assert data.image_shape == (3, 6, 8)
    np.testing.assert_array_equal(data.train.images[0], first[..., None].repeat(3, -1))


@pytest.mark.parametrize("name", ["train/dog/e.png", "test/cat/x.png"])
def test_images_of_several_sizes_need_image_size(name: str, folder: Path) -> None:
    write(folder, {name: picture(size=(9, 5))})
    with pytest.raises(UsageError, match=rf"{name} has 9 x 5 besides 6 x 8\. Give `image_size`"):
        load_data(folder)
    assert load_data(folder, image_size=4).image_shape == (3, 4, 4)


@pytest.mark.parametrize("size", [(20, 20), (40, 31), (31, 40), (13, 97), (7, 6), (16, 33)])
@pytest.mark.parametrize("image_size", [16, 9])
def test_the_center_square_is_that_of_torchvision(size: tuple[int, int], image_size: int) -> None:
    image = picture(size=size)
    scaled = transforms.resize(image, image_size, transforms.InterpolationMode.BILINEAR)
    expected = transforms.center_crop(scaled, [image_size, image_size])
    found, _ = decode_image(encode(image, "PNG"), image_size=image_size)
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_a_square_of_that_size_stays_as_it_is(tmp_path: Path) -> None:
    pictures = {name: picture(row, (8, 8)) for row, name in enumerate(pets())}
    assert_holds(load_data(write(tmp_path / "pets", pictures), image_size=8), pictures)


@pytest.mark.parametrize("image_size", [0, -3, 2.5, True, "32"])
def test_an_image_size_is_a_number_of_pixels(image_size: int, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"`image_size` should be a whole number of pixels"):
        load_data(folder, image_size=image_size)


def test_the_second_load_finds_what_the_first_decoded(folder: Path, cache: Path) -> None:
    first, again = load_data(folder), load_data(folder)
    assert first.checksum == again.checksum
    assert isinstance(again.train.images, np.memmap)
    assert len(entries(cache)) == 1
    np.testing.assert_array_equal(first.train.images, again.train.images)


def entries(cache: Path) -> list[Path]:
    return [path for path in (cache / "data").iterdir() if path.is_dir()]


def test_each_image_size_is_decoded_by_itself(folder: Path, cache: Path) -> None:
    loaded = [load_data(folder, image_size=size) for size in (None, 4, 6)]
    assert [data.image_shape[1:] for data in loaded] == [(6, 8), (4, 4), (6, 6)]
    assert len(entries(cache)) == len({data.checksum for data in loaded}) == 3


def test_an_image_of_another_class_is_another_data_set(folder: Path) -> None:
    before = load_data(folder)
    # The last cat becomes the first dog: neither its name nor its place in the order changes.
    (folder / "train" / "cat" / "b.png").rename(folder / "train" / "dog" / "b.png")
    after = load_data(folder)
    np.testing.assert_array_equal(before.train.images, after.train.images)
    assert after.train.labels.tolist() == [0, 1, 1, 1, 1]
    assert before.checksum != after.checksum


def test_the_same_images_elsewhere_are_the_same_data_set(folder: Path, tmp_path: Path) -> None:
    there = write(tmp_path / "elsewhere", pets())
    assert load_data(folder).checksum == load_data(there).checksum


def test_images_can_be_held_out_and_chosen(folder: Path) -> None:
    whole = load_data(folder)
    data = load_data(folder, train_size=2, validation=2, test_size=1)
    assert data.validation is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (2, 2, 1)
    rows = [where(part.images, whole.train.images) for part in (data.train, data.validation)]
    assert len({*rows[0], *rows[1]}) == 4
    np.testing.assert_array_equal(data.train.labels, whole.train.labels[rows[0]])
    assert data.checksum == whole.checksum
    images, labels = next(data.training_batches(batch_size=2, seed=0, epoch=0))
    assert (images.shape, labels.shape) == ((2, 3, 6, 8), (2,))


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "bmp"])
def test_a_damaged_file_is_named(form: str, folder: Path, cache: Path) -> None:
    path = folder / "train" / "dog" / f"f.{form}"
    picture().save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FovealError, match=rf"dog/f\.{form}: the image cannot be decoded") as error:
        load_data(folder)
    assert error.value.exit_code == 1
    assert not entries(cache)


def test_another_format_under_a_known_name_is_refused(folder: Path) -> None:
    picture().save(folder / "train" / "cat" / "c.png", "TIFF")
    with pytest.raises(FovealError, match=r"cat/c\.png: the image cannot be decoded"):
        load_data(folder)


def test_an_unknown_class_is_named(folder: Path) -> None:
    write(folder, {"test/cow/x.png": picture()})
    with pytest.raises(UsageError, match=r"test/cow is no class, as .*train has no folder of that"):
        load_data(folder)


@pytest.mark.parametrize("name", ["train/cow", "test/dog"])
def test_a_class_without_an_image_is_named(name: str, folder: Path) -> None:
    (folder / name).mkdir(exist_ok=True)
    for path in (folder / name).iterdir():
        path.rename(path.with_suffix(".tif"))
    with pytest.raises(UsageError, match=rf"{name} should hold an image \(\.png, .* has none"):
        load_data(folder)


def test_a_test_split_is_needed(folder: Path, tmp_path: Path) -> None:
    (folder / "test").rename(tmp_path / "away")
    with pytest.raises(UsageError, match="should have one of test, val, validation besides"):
        load_data(folder)
    (folder / "test").mkdir()
    with pytest.raises(UsageError, match="test should have a folder for each class"):
        load_data(folder)


def test_a_folder_without_classes_is_no_image_folder(tmp_path: Path) -> None:
    write(tmp_path / "set", {"train/a.png": picture(), "test/a.png": picture()})
    assert find_image_folder(tmp_path / "set") is None
    with pytest.raises(UsageError, match="image files in train/CLASS and test/CLASS"):
        load_data(tmp_path / "set")


def test_images_of_cifar10_are_the_same_as_files(tmp_path: Path) -> None:
    shard = next((real("cifar10") / "data").glob("test-*.parquet"))
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
