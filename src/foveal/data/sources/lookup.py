"""Lookup of data sources: by name, by path, on the Hugging Face hub, or as a function of the user."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from foveal.data.cifar import ARCHIVE_LAYOUTS, find_archive, read_archive
from foveal.data.decoded import DecodedData, compute_checksum
from foveal.data.decoded_cache import compute_cache_key, load_or_decode_data
from foveal.data.sources.hub import decode_hub_splits, list_hub_files, load_hub_splits
from foveal.data.sources.image_folder import ImageFolder, find_image_folder, read_image_folder
from foveal.data.sources.parquet import find_shards, read_parquet
from foveal.data.sources.user_data import load_user_data
from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.validation import require_positive_int

_HUB_REPOSITORIES = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}
_SOURCE_NAMES = (*_HUB_REPOSITORIES, "scenes")

_ReadFunction = Callable[[], tuple[DecodedData, str]]


@dataclass(frozen=True)
class DataSource:
    """A data source: its name, and a function that returns its decoded data and checksum."""

    name: str
    read: _ReadFunction
    supports_image_size: bool = False


def list_data_names() -> list[str]:
    """Return the names that `load_data` accepts as sources."""
    return list(_SOURCE_NAMES)


def is_import_path(text: str) -> bool:
    """Return True if `text` has the form `package.module:callable`.

    >>> is_import_path("project.photos:load"), is_import_path("scenes:clutter=0.5")
    (True, False)
    """
    module, _, name = text.partition(":")
    # `hf:name` and `scenes:clutter` are mistyped sources and reported as such.
    return module not in (*_SOURCE_NAMES, "hf") and all(
        part.isidentifier() for part in (*module.split("."), name)
    )


def find_source(source: str | Path, *, image_size: int | None = None) -> DataSource:
    """Return the data source named by `source`.

    Raises:
        UsageError: there is none, or it contains no readable images.
        FovealError: the hub cannot be reached, or a file is missing.
    """
    if isinstance(source, str) and source in _HUB_REPOSITORIES:
        return _find_hub_source(source, _HUB_REPOSITORIES[source])
    if isinstance(source, str) and source.startswith("hf:"):
        repository = source.removeprefix("hf:")
        if repository.count("/") != 1 or not all(repository.split("/")):
            raise bad_parameter("source", "of the form hf:owner/name", source)
        return _find_hub_source(repository, repository)
    path = Path(source).expanduser()
    if source != "" and path.exists():
        return _find_local_source(path, image_size)
    if isinstance(source, str) and is_import_path(source):
        return _make_user_source(source)
    raise _make_unknown_source_error(source)


def _find_hub_source(name: str, repository: str) -> DataSource:
    """Return the source for the hub data set `repository`."""
    splits = load_hub_splits(repository)
    read = _make_cached_reader("parquet", list_hub_files(splits), lambda: decode_hub_splits(splits))
    return DataSource(name, read)


def _make_user_source(path: str) -> DataSource:
    """Return the source for the callable `package.module:callable`; each read calls it again."""

    def read() -> tuple[DecodedData, str]:
        data = load_user_data(path)
        return data, compute_checksum(data)

    return DataSource(path, read)


def _find_local_source(path: Path, image_size: int | None) -> DataSource:
    """Return the source for the file or folder `path`.

    Raises:
        UsageError: it contains no readable images.
    """
    name = path.resolve().name
    shards = find_shards(path)
    if shards is not None:
        files = [file for split in shards.values() for file in split]
        return DataSource(name, _make_cached_reader("parquet", files, lambda: read_parquet(shards)))
    archive = find_archive(path)
    if archive is not None:
        layout = archive.layout
        kind = layout.archive if archive.is_packed else layout.folder
        read = _make_cached_reader(kind, archive.files, lambda: read_archive(archive))
        return DataSource(layout.dataset, read)
    folder = find_image_folder(path)
    if folder is not None:
        read = _make_image_folder_reader(folder, image_size)
        return DataSource(name, read, supports_image_size=True)
    raise _make_unreadable_path_error(path)


def _make_image_folder_reader(folder: ImageFolder, image_size: int | None) -> _ReadFunction:
    """Return the function that reads the image files of `folder` at `image_size`.

    Raises:
        UsageError: the size is not a positive whole number.
    """
    if image_size is not None:
        require_positive_int("image_size", image_size)
    kind = f"image folder, image_size={image_size}"
    decode = partial(read_image_folder, folder, image_size=image_size)
    # The folder of a file is its class, so the cache key needs the whole path.
    return _make_cached_reader(kind, folder.files, decode, root=folder.root)


def _make_cached_reader(
    kind: str,
    files: Iterable[Path],
    decode: Callable[[], DecodedData],
    *,
    root: Path | None = None,
) -> _ReadFunction:
    """Return a function that loads the decoded `files` from the cache, or decodes them."""
    return lambda: load_or_decode_data(compute_cache_key(kind, files, root=root), decode)


def _make_unreadable_path_error(path: Path) -> UsageError:
    """Return the error for a file or folder without readable images; it lists the known formats."""
    archives = ", ".join(layout.archive for layout in ARCHIVE_LAYOUTS)
    folders = ", ".join(layout.folder for layout in ARCHIVE_LAYOUTS)
    return UsageError(
        f"{path} contains no readable images. Looked for data/train-*.parquet, "
        f"train-*.parquet, an original archive ({archives}), its unpacked folder ({folders}), "
        "and image files in train/CLASS and test/CLASS."
    )


def _make_unknown_source_error(source: str | Path) -> UsageError:
    """Return the error for a name or path that does not exist."""
    name = str(source)
    if isinstance(source, Path) or os.sep in name or "/" in name or name.startswith((".", "~")):
        return UsageError(f"There is no file or folder {name}.")
    forms = ["hf:owner/name", "package.module:callable", "the path of a folder"]
    return unknown_name("source", name, [*_SOURCE_NAMES, *forms])
