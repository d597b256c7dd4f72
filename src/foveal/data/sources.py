"""Data sets by name, by folder, or from the Hugging Face hub."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foveal.data.archives import find_archive, read_archive
from foveal.data.batches import Augmentation
from foveal.data.cache import cached, content_key
from foveal.data.channels import channel_statistics
from foveal.data.cifar_layouts import LAYOUTS
from foveal.data.content import Content
from foveal.data.dataset import ImageData
from foveal.data.hub import hub_files, open_hub, read_hub
from foveal.data.parquet import find_shards, read_parquet
from foveal.data.scenes import scenes_data
from foveal.data.subsets import check_sizes, hold_out, subset
from foveal.errors import UsageError, bad_parameter, unknown_name

HUB = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}
NAMES = (*HUB, "scenes")
STANDARD = Augmentation()


@dataclass(frozen=True)
class Source:
    """A source that was found: its name, the files it is read from, and how they are decoded."""

    name: str
    kind: str
    files: Sequence[Path]
    decode: Callable[[], Content]


def data_names() -> list[str]:
    """Return the sources that `load_data` knows by name."""
    return list(NAMES)


def load_data(
    source: str | Path,
    *,
    train_size: int | None = None,
    test_size: int | None = None,
    validation: int = 0,
    augmentation: Augmentation = STANDARD,
    **options: Any,
) -> ImageData:
    """Load images to train and test on.

    `source` is `scenes` (rendered, needs no network; `options` are those of `scenes_data`), a
    folder of Hugging Face parquet shards, an original CIFAR archive or its unpacked folder, a
    folder that holds one, `cifar10` or `cifar100` (from the hub), or `hf:owner/name`.

    `train_size` and `test_size` choose fixed random images, the same for every run; `validation`
    holds out that many further training images. `mean` and `std` are measured on the training
    images that are left. What is decoded is kept in the cache folder, see `foveal.data.cache`.

    Raises UsageError for what cannot be asked for, FovealError for a damaged file or no network.
    """
    if source == "scenes":
        return load_scenes(train_size, test_size, validation, augmentation, options)
    found = find_source(source)
    if options:
        raise UsageError(f"Source `{source}` takes no options. Found `{next(iter(options))}`.")
    content, checksum = cached(content_key(found.kind, found.files), found.decode)
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


def load_scenes(
    train_size: int | None,
    test_size: int | None,
    validation: int,
    augmentation: Augmentation,
    options: Mapping[str, Any],
) -> ImageData:
    """Render `scenes`; images held out are rendered after those of training."""
    known = inspect.signature(scenes_data).parameters
    choices = [name for name in known if name not in ("train_size", "test_size")]
    for name in options:
        if name not in choices:
            raise unknown_name("option of the source 'scenes'", name, choices)
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


def find_source(source: str | Path) -> Source:
    """Return what `source` names; raises UsageError if there is nothing that can be read."""
    if isinstance(source, str) and source in HUB:
        return hub_source(source, HUB[source])
    if isinstance(source, str) and source.startswith("hf:"):
        repository = source.removeprefix("hf:")
        if repository.count("/") != 1 or not all(repository.split("/")):
            raise bad_parameter("source", "of the form hf:owner/name", source)
        return hub_source(repository, repository)
    path = Path(source).expanduser()
    if source == "" or not path.exists():
        raise missing(source)
    return local_source(path)


def hub_source(name: str, repository: str) -> Source:
    """Return the data set `repository` of the hub."""
    splits = open_hub(repository)
    return Source(name, "parquet", hub_files(splits), lambda: read_hub(splits))


def local_source(path: Path) -> Source:
    """Return what the file or folder `path` holds."""
    shards = find_shards(path)
    if shards is not None:
        files = [file for split in shards.values() for file in split]
        return Source(path.resolve().name, "parquet", files, lambda: read_parquet(shards))
    archive = find_archive(path)
    if archive is not None:
        layout = archive.layout
        kind = layout.archive if archive.packed else layout.folder
        return Source(layout.dataset, kind, archive.files, lambda: read_archive(archive))
    archives = ", ".join(layout.archive for layout in LAYOUTS)
    folders = ", ".join(layout.folder for layout in LAYOUTS)
    raise UsageError(
        f"{path} holds no images that can be read. Looked for data/train-*.parquet, "
        f"train-*.parquet, an original archive ({archives}), and its unpacked folder ({folders})."
    )


def missing(source: str | Path) -> UsageError:
    """Return the error for a name or path behind which there is nothing."""
    name = str(source)
    if isinstance(source, Path) or os.sep in name or "/" in name or name.startswith((".", "~")):
        return UsageError(f"There is no file or folder {name}.")
    return unknown_name("source", name, [*NAMES, "hf:owner/name", "the path of a folder"])
