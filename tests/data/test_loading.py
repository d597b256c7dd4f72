"""`load_data`: sources by name and path, sizes, held-out images and errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.data_files import CLASSES, find_rows, make_images, require_real_data, write_parquet_folder
from foveal.data import Augmentation, ImageData, generate_scenes, load_data
from foveal.data.channel_statistics import compute_channel_statistics
from foveal.errors import FovealError, UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_parquet_folder(tmp_path / "tiny", train=40)
    return tmp_path / "tiny"


@pytest.mark.parametrize("as_text", [True, False])
def test_loads_a_folder(folder: Path, as_text: bool) -> None:
    data = load_data(str(folder) if as_text else folder)
    assert data.name == "tiny"
    assert data.classes == CLASSES
    assert (len(data.train), len(data.test), data.validation) == (40, 7, None)
    assert data.image_shape == (3, 6, 8)
    assert data.augmentation == Augmentation(crop=4, flip=True, cutout=0)
    assert load_data(folder, augmentation=Augmentation(cutout=3)).augmentation.cutout == 3


def test_finds_folder_relative_to_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert load_data("tiny").checksum == load_data(folder).checksum


def test_channel_statistics_equal_numpy() -> None:
    images = make_images(1100)[:, :, :, :2]  # more than one chunk of the sums
    mean, std = compute_channel_statistics(images)
    scaled = images.astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, scaled.std((0, 1, 2)), rtol=1e-12)


def test_channel_statistics_use_only_training_images(folder: Path) -> None:
    for data in (load_data(folder, train_size=11), load_data(folder, validation=13)):
        scaled = data.train.images / 255
        np.testing.assert_allclose(data.mean, scaled.mean((0, 1, 2)), rtol=1e-12)
        np.testing.assert_allclose(data.std, scaled.std((0, 1, 2)), rtol=1e-12)


def test_constant_channel_has_deviation_one() -> None:
    assert compute_channel_statistics(np.full((3, 4, 4, 1), 51, np.uint8)) == ((0.2,), (1.0,))


def test_subsets_are_fixed_and_nested(folder: Path) -> None:
    whole = load_data(folder)
    small, large = (load_data(folder, train_size=n, test_size=n // 2) for n in (5, 12))
    for name in ("train", "test"):
        images = getattr(whole, name).images
        few = find_rows(getattr(small, name).images, images)
        many = find_rows(getattr(large, name).images, images)
        assert set(few) < set(many)
        assert many == sorted(many)
        assert many != list(range(len(many)))  # not simply the first images
        labels = getattr(whole, name).labels[few]
        np.testing.assert_array_equal(getattr(small, name).labels, labels)
    again = load_data(folder, train_size=12)
    np.testing.assert_array_equal(again.train.images, large.train.images)
    assert small.checksum == whole.checksum


@pytest.mark.parametrize("train_size", [None, 1, 10, 30])
def test_held_out_images_are_never_trained_on(folder: Path, train_size: int | None) -> None:
    whole = load_data(folder).train
    data = load_data(folder, train_size=train_size, validation=10)
    assert data.validation is not None
    held_out, trained = (
        find_rows(data.validation.images, whole.images),
        find_rows(data.train.images, whole.images),
    )
    assert len(held_out) == 10
    assert len(trained) == (train_size or 30)
    assert len({*held_out, *trained}) == 10 + len(trained)
    np.testing.assert_array_equal(data.validation.labels, whole.labels[held_out])
    held_out_again = load_data(folder, train_size=3, validation=10).validation
    assert held_out_again is not None
    assert find_rows(held_out_again.images, whole.images) == held_out


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train_size": 0}, "Parameter `train_size` should be from 1 to 40. Found"),
        ({"train_size": 41}, "`train_size = 41`"),
        ({"train_size": 31, "validation": 10}, r"from 1 to 30 \(40 images, 10 of them held out\)"),
        ({"test_size": 8}, "Parameter `test_size` should be from 1 to 7"),
        ({"test_size": 0}, "Parameter `test_size` should be from 1 to 7"),
        ({"validation": -1}, "Parameter `validation` should be from 0 to 39"),
        ({"validation": 40}, "Parameter `validation` should be from 0 to 39"),
    ],
)
def test_refuses_sizes_out_of_range(folder: Path, sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_data(folder, **sizes)
    assert error.value.exit_code == 2


def test_full_size_returns_the_whole_split(folder: Path) -> None:
    whole, sized = load_data(folder), load_data(folder, train_size=40, test_size=7)
    np.testing.assert_array_equal(sized.train.images, whole.train.images)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cifar11", "no source 'cifar11'. Did you mean 'cifar10"),
        ("scene", "Did you mean 'scenes'.* Choose from: cifar10, cifar100, scenes, hf:owner/name"),
        ("qqqqqq", r"'qqqqqq'\. Choose from"),
        ("", "no source ''"),
        ("./missing", r"There is no file or folder \./missing"),
        ("some/missing", "There is no file or folder some/missing"),
        ("~/missing-folder-of-images", "There is no file or folder ~/missing"),
        (Path("missing"), "There is no file or folder missing"),
        ("hf:cifar10", "of the form hf:owner/name"),
        ("hf:/cifar10", "of the form hf:owner/name"),
        ("hf:a/b/c", "of the form hf:owner/name"),
    ],
)
def test_refuses_unknown_source(source: str | Path, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_data(source)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("name", ["empty", "notes.txt"])
def test_error_lists_the_known_formats(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if "." in name:
        path.write_text("nothing")
    else:
        path.mkdir()
    with pytest.raises(
        UsageError, match=r"train-\*\.parquet.*cifar-10-python\.tar\.gz.*cifar-100-bin"
    ):
        load_data(path)


def test_refuses_unknown_options(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"takes no options\. Found `size`"):
        load_data(folder, size=3)
    with pytest.raises(
        UsageError,
        match=r"no option of the source 'scenes' 'cluter'\. Did you mean 'clutter'.*object_size",
    ):
        load_data("scenes", cluter=3)


def test_image_size_is_for_image_files_only(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"`image_size` should be left out, as only .*= 32`"):
        load_data(folder, image_size=32)


def test_unreachable_hub_gives_a_one_line_error(tmp_path: Path) -> None:
    code = (
        "from foveal.data import load_data\n"
        "from foveal.errors import FovealError, UsageError\n"
        "try: load_data('cifar10')\n"
        "except UsageError: raise\n"
        "except FovealError as error: print(error)"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith("`uoft-cs/cifar10` could not be loaded from the Hugging Face hub")
    assert "give a folder" in done.stdout
    assert done.stdout.count("\n") == 1


def have_equal_training_images(first: ImageData, second: ImageData) -> bool:
    return np.array_equal(first.train.images, second.train.images) and first.mean == second.mean


def test_scenes_hold_out_images_after_the_training_images() -> None:
    data = load_data(
        "scenes", train_size=20, test_size=5, validation=6, augmentation=Augmentation(2)
    )
    assert data.validation is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 6, 5)
    assert data.augmentation.crop == 2
    assert have_equal_training_images(data, generate_scenes(train_size=20, test_size=5))
    later = generate_scenes(train_size=26, test_size=5).train
    np.testing.assert_array_equal(data.validation.images, later.images[20:])
    np.testing.assert_array_equal(data.validation.labels, later.labels[20:])


def test_scenes_accept_their_options() -> None:
    data = load_data("scenes", train_size=4, test_size=2, size=48)
    assert data.image_shape == (3, 48, 48)
    assert have_equal_training_images(data, generate_scenes(train_size=4, test_size=2, size=48))


def test_image_size_of_scenes_is_their_size() -> None:
    data = load_data("scenes", train_size=4, test_size=2, image_size=48)
    assert have_equal_training_images(data, generate_scenes(train_size=4, test_size=2, size=48))
    with pytest.raises(UsageError, match=r"`image_size` should be left out if .*`size`"):
        load_data("scenes", train_size=4, test_size=2, image_size=48, size=48)


@pytest.mark.parametrize("sizes", [{"train_size": -5, "validation": 10}, {"validation": -1}])
def test_scenes_refuse_sizes_below_one(sizes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"Parameter `{next(iter(sizes))}`"):
        load_data("scenes", test_size=1, **sizes)


def test_loads_cifar10() -> None:
    folder = require_real_data("cifar10")
    data = load_data(folder)
    assert (len(data.train), len(data.test)) == (50_000, 10_000)
    assert data.classes[0] == "airplane"
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    # The published values, to four decimals.
    assert [round(m, 4) for m in data.mean] == [0.4914, 0.4822, 0.4465]
    assert [round(s, 4) for s in data.std] == [0.2470, 0.2435, 0.2616]
    subset = load_data(folder, train_size=10_000, validation=5000)
    assert (len(subset.train), subset.checksum) == (10_000, data.checksum)
    images, labels = next(subset.training_batches(batch_size=256, seed=0, epoch=0))
    assert images.shape == (256, 3, 32, 32)
    assert labels.shape == (256,)
    plain, _ = next(data.batches("train", batch_size=50_000))
    np.testing.assert_allclose(plain.mean((0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(plain.std((0, 2, 3)), 1, atol=1e-3)


def test_refuses_cifar100_with_a_missing_shard(tmp_path: Path) -> None:
    folder = require_real_data("cifar100")
    (tmp_path / "data").mkdir()
    for path in (folder / "data").glob("*.parquet"):
        if "00001-of-00003" not in path.name:
            (tmp_path / "data" / path.name).symlink_to(path)
    with pytest.raises(FovealError, match="one of 3 shards, but there are 2"):
        load_data(tmp_path)
