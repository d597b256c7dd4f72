"""Data sets ready for training, from any source."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foveal.data.batches import Augmentation
from foveal.data.channel_statistics import channel_statistics
from foveal.data.dataset import ImageData
from foveal.data.scenes.generation import scenes_data
from foveal.data.sources.lookup import find_source
from foveal.data.subsets import check_sizes, hold_out, subset
from foveal.errors import UsageError, bad_parameter, unknown_name

STANDARD = Augmentation()


def load_data(
    source: str | Path,
    *,
    train_size: int | None = None,
    test_size: int | None = None,
    validation: int = 0,
    image_size: int | None = None,
    augmentation: Augmentation = STANDARD,
    **options: Any,
) -> ImageData:
    """Load images to train and test on.

    `source` is `scenes` (rendered, needs no network; `options` are those of `scenes_data`), a
    folder of Hugging Face parquet shards, an original CIFAR archive or its unpacked folder, a
    folder that holds one, a folder of image files, `cifar10` or `cifar100` (from the hub),
    `hf:owner/name`, or `package.module:callable`, which returns a `Content`.

    Image files lie in `train/CLASS` and `test/CLASS`; where there is no `test`, `val` or else
    `validation` is taken as the test split. With `image_size` the shorter side of each is scaled
    to that many pixels (bilinear, antialiased) and the center square is cut; without it all
    images must have one size. For `scenes`, `image_size` is its option `size`.

    `train_size` and `test_size` choose fixed random images, the same for every run; `validation`
    holds out that many further training images. `mean` and `std` are measured on the training
    images that are left. What is decoded is kept in the cache folder, see `foveal.data.decoded_cache`.

    Raises UsageError for what cannot be asked for, FovealError for a damaged file or no network.
    """
    if source == "scenes":
        options = scene_options(options, image_size)
        return load_scenes(train_size, test_size, validation, augmentation, options)
    found = find_source(source, image_size=image_size)
    if options:
        raise UsageError(f"Source `{source}` takes no options. Found `{next(iter(options))}`.")
    if image_size is not None and not found.scaled:
        should_be = "left out, as only folders of image files are scaled"
        raise bad_parameter("image_size", should_be, image_size)
    content, checksum = found.read()
    train, held_out = hold_out(content.train, train_size, validation)
    test = subset(content.test, test_size, "test_size")
    mean, std = channel_statistics(train.images)
    return ImageData(
        name=found.name,
        classes=content.classes,
        train=train,
        test=test,
        mean=mean,
        std=std,
        checksum=checksum,
        validation=held_out,
        augmentation=augmentation,
    )


def scene_options(options: Mapping[str, Any], image_size: int | None) -> dict[str, Any]:
    """Return the options of `scenes`, `image_size` among them under the name that it has there."""
    known = inspect.signature(scenes_data).parameters
    choices = [name for name in known if name not in ("train_size", "test_size")]
    for name in options:
        if name not in choices:
            raise unknown_name("option of the source 'scenes'", name, choices)
    if image_size is None:
        return dict(options)
    if "size" in options:
        should_be = "left out where the source 'scenes' is given `size`, which is the same"
        raise bad_parameter("image_size", should_be, image_size)
    return {**options, "size": image_size}


def load_scenes(
    train_size: int | None,
    test_size: int | None,
    validation: int,
    augmentation: Augmentation,
    options: Mapping[str, Any],
) -> ImageData:
    """Render `scenes`; images held out are rendered after those of training."""
    if validation < 0:
        raise bad_parameter("validation", "at least 0", validation)
    if train_size is not None and train_size < 1:
        raise bad_parameter("train_size", "at least 1", train_size)
    sizes = {"train_size": train_size and train_size + validation, "test_size": test_size}
    data = scenes_data(**{n: size for n, size in sizes.items() if size is not None}, **options)
    data = replace(data, augmentation=augmentation)
    if not validation:
        return data
    check_sizes(None, validation, len(data.train))
    rows = np.arange(len(data.train))
    train, held_out = (data.train.take(part) for part in np.split(rows, [len(rows) - validation]))
    mean, std = channel_statistics(train.images)
    return replace(data, train=train, validation=held_out, mean=mean, std=std)
