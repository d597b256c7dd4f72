"""Batches: augmentation compared with a numpy reference that handles one image at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from data.data_files import make_images
from foveal.data import Augmentation, ImageData, Split
from foveal.data.batches import (
    AugmentationSample,
    augment_images,
    normalize_images,
    sample_augmentation,
)
from foveal.errors import UsageError

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def make_data(images: npt.NDArray[np.uint8], augmentation: Augmentation) -> ImageData:
    split = Split(images, np.arange(len(images)))  # the label identifies the image
    classes = tuple(str(row) for row in range(len(images)))
    return ImageData("data", classes, split, split, MEAN, STD, "", augmentation=augmentation)


def augment_one(
    image: npt.NDArray[np.uint8], draws: AugmentationSample, row: int, augmentation: Augmentation
) -> npt.NDArray[np.uint8]:
    height, width, _ = image.shape
    margin = augmentation.crop
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    top, left = int(draws.top[row]), int(draws.left[row])
    out = padded[top : top + height, left : left + width].copy()
    if draws.flip[row]:
        out = out[:, ::-1].copy()
    first_y = int(draws.hole_y[row]) - augmentation.cutout // 2
    first_x = int(draws.hole_x[row]) - augmentation.cutout // 2
    for y in range(max(first_y, 0), min(first_y + augmentation.cutout, height)):
        for x in range(max(first_x, 0), min(first_x + augmentation.cutout, width)):
            out[y, x] = 0
    return out


AUGMENTATIONS = [
    Augmentation(),
    Augmentation(crop=0, flip=False),
    Augmentation(crop=0),
    Augmentation(crop=7, cutout=3),
    Augmentation(cutout=4),
    Augmentation(crop=1, flip=False, cutout=50),
]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_augment_equals_numpy_reference(augmentation: Augmentation, channels: int) -> None:
    images = make_images(64, (6, 9))[..., :channels]
    draws = sample_augmentation(64, (6, 9), augmentation, seed=3, epoch=2)
    actual = augment_images(torch.tensor(images), draws, augmentation).numpy()
    expected = [augment_one(image, draws, row, augmentation) for row, image in enumerate(images)]
    np.testing.assert_array_equal(actual, np.stack(expected))


def test_augment_keeps_its_input() -> None:
    images = torch.tensor(make_images(16))
    before = images.clone()
    for augmentation in AUGMENTATIONS:
        augment_images(
            images, sample_augmentation(16, (6, 8), augmentation, seed=0, epoch=0), augmentation
        )
    assert torch.equal(images, before)


def test_draws_cover_their_range_evenly() -> None:
    draws = sample_augmentation(9000, (6, 8), Augmentation(), seed=0, epoch=0)
    for column, values in ((draws.top, 9), (draws.left, 9), (draws.hole_y, 6), (draws.hole_x, 8)):
        counts = torch.bincount(column, minlength=values)
        expected = 9000 / values
        # Five standard deviations of a count: a uniform draw fails once in a million.
        assert len(counts) == values
        assert ((counts - expected).abs() < 5 * expected**0.5).all()
    assert abs(draws.flip.float().mean().item() - 0.5) < 5 * 0.5 / 9000**0.5


def test_no_flip_if_disabled() -> None:
    assert not sample_augmentation(
        1000, (6, 8), Augmentation(flip=False), seed=0, epoch=0
    ).flip.any()


def collect_by_image(data: ImageData, *, batch_size: int, seed: int, epoch: int) -> torch.Tensor:
    batches = list(data.training_batches(batch_size=batch_size, seed=seed, epoch=epoch))
    images, labels = torch.cat([b[0] for b in batches]), torch.cat([b[1] for b in batches])
    assert labels.sort().values.tolist() == list(range(len(data.train)))
    return images[labels.argsort()]


@pytest.mark.parametrize("batch_size", [1, 7, 32, 100])
def test_image_depends_on_seed_epoch_and_index_only(batch_size: int) -> None:
    data = make_data(make_images(50), Augmentation(cutout=2))
    actual = collect_by_image(data, batch_size=batch_size, seed=5, epoch=1)
    assert torch.equal(actual, collect_by_image(data, batch_size=50, seed=5, epoch=1))


@pytest.mark.parametrize(("seed", "epoch"), [(5, 2), (6, 1)])
def test_seed_and_epoch_change_order_and_images(seed: int, epoch: int) -> None:
    data = make_data(make_images(50), Augmentation())
    actual = collect_by_image(data, batch_size=50, seed=seed, epoch=epoch)
    assert not torch.equal(actual, collect_by_image(data, batch_size=50, seed=5, epoch=1))
    order = [
        next(iter(data.training_batches(batch_size=50, seed=s, epoch=e)))[1].tolist()
        for s, e in ((5, 1), (seed, epoch))
    ]
    assert order[0] != order[1]


def test_last_batch_is_smaller() -> None:
    data = make_data(make_images(50), Augmentation())
    sizes = [len(y) for _, y in data.training_batches(batch_size=16, seed=0, epoch=0)]
    assert sizes == [16, 16, 16, 2]


@pytest.mark.parametrize("channels", [1, 3])
def test_normalize(channels: int) -> None:
    images = make_images(5)[..., :channels]
    mean, std = MEAN[:channels], STD[:channels]
    actual = normalize_images(torch.tensor(images), mean, std)
    assert actual.dtype == torch.float32
    assert actual.shape == (5, channels, 6, 8)
    assert actual.is_contiguous(memory_format=torch.channels_last)
    expected = (images / 255 - np.array(mean)) / np.array(std)
    # Values up to 3, where the float32 spacing is 2.4e-7.
    np.testing.assert_allclose(actual.permute(0, 2, 3, 1), expected, atol=1e-6)


@pytest.mark.parametrize("split", ["train", "test", "validation"])
def test_ordered_batches_keep_the_order(split: str) -> None:
    images = make_images(10)
    data = make_data(images, Augmentation())
    options: dict[str, Any] = {split: Split(images[::-1], np.arange(10)[::-1])}
    data = replace(data, **options)
    batches = list(data.batches(split, batch_size=4))
    assert torch.cat([y for _, y in batches]).tolist() == list(range(9, -1, -1))
    actual = torch.cat([x for x, _ in batches])
    assert torch.equal(actual, normalize_images(torch.tensor(images[::-1].copy()), MEAN, STD))


@pytest.mark.parametrize("split", ["validation", "name"])
def test_refuses_unknown_split(split: str) -> None:
    with pytest.raises(UsageError, match=f"split = '{split}'"):
        make_data(make_images(3), Augmentation()).batches(split, batch_size=2)


@pytest.mark.parametrize("name", ["crop", "cutout"])
def test_refuses_negative_pixels(name: str) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(UsageError, match=f"Parameter `{name}` should be an integer, at least 0"):
        Augmentation(**options)


def test_image_shape_is_channels_first() -> None:
    assert make_data(make_images(3, (6, 8)), Augmentation()).image_shape == (3, 6, 8)
