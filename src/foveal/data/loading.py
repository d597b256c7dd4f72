"""Loading of data sets for training, from any source."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foveal.data.batches import Augmentation
from foveal.data.channel_statistics import compute_channel_statistics
from foveal.data.dataset import ImageData
from foveal.data.scenes import generate_scenes
from foveal.data.sources import find_source
from foveal.data.subsets import hold_out_validation, require_valid_sizes, take_subset
from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.validation import require_int, require_positive_int

_DEFAULT_AUGMENTATION = Augmentation()


def load_data(
    source: str | Path,
    *,
    train_size: int | None = None,
    test_size: int | None = None,
    validation: int = 0,
    image_size: int | None = None,
    augmentation: Augmentation = _DEFAULT_AUGMENTATION,
    **options: Any,
) -> ImageData:
    """Load images to train and test on.

    Args:
        source: `scenes` (rendered, needs no network); a folder of Hugging Face parquet shards; an
            original CIFAR archive, its unpacked folder, or a folder that contains either; a folder of
            image files; `cifar10` or `cifar100` (from the Hugging Face hub); `hf:owner/name`; or
            `package.module:callable`, a function that returns `DecodedData`. Image files are in
            `train/CLASS` and `test/CLASS`; without `test`, the test split is `val` or `validation`.
        train_size: number of training images, a fixed random subset, the same for every run.
        test_size: number of test images, likewise.
        validation: number of further training images to hold out.
        image_size: for image files, scale the shorter side to this many pixels (bilinear, antialiased)
            and crop the center square; without it all images must have the same size. For `scenes`, the
            option `size`.
        augmentation: augmentation of training batches.
        options: for `scenes`, the options of `generate_scenes`.

    `mean` and `std` are measured on the remaining training images. Decoded images are cached, see
    `foveal.data.decoded_cache`.

    Raises:
        UsageError: the source does not exist, or a parameter is invalid.
        FovealError: a file is damaged, or there is no network.
    """
    if source == "scenes":
        options = _resolve_scene_options(options, image_size)
        return _load_scenes(train_size, test_size, validation, augmentation, options)
    data_source = find_source(source, image_size=image_size)
    if options:
        raise UsageError(f"Source `{source}` takes no options. Found `{next(iter(options))}`.")
    if image_size is not None and not data_source.supports_image_size:
        should_be = "left out, as only folders of image files are scaled"
        raise bad_parameter("image_size", should_be, image_size)
    decoded, checksum = data_source.read()
    train, held_out = hold_out_validation(decoded.train, train_size, validation)
    test = take_subset(decoded.test, test_size, "test_size")
    mean, std = compute_channel_statistics(train.images)
    return ImageData(
        name=data_source.name,
        classes=decoded.classes,
        train=train,
        test=test,
        mean=mean,
        std=std,
        checksum=checksum,
        validation=held_out,
        augmentation=augmentation,
    )


def _resolve_scene_options(options: Mapping[str, Any], image_size: int | None) -> dict[str, Any]:
    """Return the options of `scenes`, with `image_size` as `size`.

    Raises:
        UsageError: an option is unknown, or the size is given twice.
    """
    parameters = inspect.signature(generate_scenes).parameters
    choices = [name for name in parameters if name not in ("train_size", "test_size")]
    for name in options:
        if name not in choices:
            raise unknown_name("option of the source 'scenes'", name, choices)
    if image_size is None:
        return dict(options)
    if "size" in options:
        should_be = "left out if the source 'scenes' is given `size`, which is the same"
        raise bad_parameter("image_size", should_be, image_size)
    return {**options, "size": image_size}


def _load_scenes(
    train_size: int | None,
    test_size: int | None,
    validation: int,
    augmentation: Augmentation,
    options: Mapping[str, Any],
) -> ImageData:
    """Render `scenes`; the held-out images are rendered after the training images."""
    require_int("validation", validation, minimum=0)
    if train_size is not None:
        require_positive_int("train_size", train_size)
    sizes = {"train_size": train_size and train_size + validation, "test_size": test_size}
    given_sizes = {name: size for name, size in sizes.items() if size is not None}
    data = replace(generate_scenes(**given_sizes, **options), augmentation=augmentation)
    if not validation:
        return data
    require_valid_sizes(None, validation, len(data.train))
    rows = np.arange(len(data.train))
    train_rows, validation_rows = np.split(rows, [len(rows) - validation])
    train = data.train.take(train_rows)
    mean, std = compute_channel_statistics(train.images)
    return replace(
        data, train=train, validation=data.train.take(validation_rows), mean=mean, std=std
    )
