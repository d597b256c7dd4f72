"""Data sets by name, by folder, from the Hugging Face hub, or from a function of the user's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from foveal.data.cifar.archives import find_archive, read_archive
from foveal.data.cifar.layouts import LAYOUTS
from foveal.data.decoded import Content, checksum
from foveal.data.decoded_cache import cached, content_key
from foveal.data.sources.hub import hub_files, open_hub, read_hub
from foveal.data.sources.image_folder import ImageFolder, find_image_folder, read_image_folder
from foveal.data.sources.parquet import find_shards, read_parquet
from foveal.data.sources.user_data import imported_content
from foveal.errors import UsageError, bad_parameter, unknown_name

HUB = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}
NAMES = (*HUB, "scenes")


@dataclass(frozen=True)
class Source:
    """A source that was found: its name, and what reads its content and the checksum of that."""

    name: str
    read: Callable[[], tuple[Content, str]]
    scaled: bool = False  # whether its images can be brought to a size


def data_names() -> list[str]:
    """Return the sources that `load_data` knows by name."""
    return list(NAMES)


def is_import_path(text: str) -> bool:
    """Tell whether `text` is written `package.module:callable`.

    >>> is_import_path("project.photos:content"), is_import_path("scenes:clutter=0.5")
    (True, False)
    """
    module, _, name = text.partition(":")
    # `hf:name` and `scenes:clutter` are something else half written, and named so in the error.
    return module not in (*NAMES, "hf") and all(
        part.isidentifier() for part in (*module.split("."), name)
    )


def find_source(source: str | Path, *, image_size: int | None = None) -> Source:
    """Return what `source` names; raises UsageError if there is nothing that can be read."""
    if isinstance(source, str) and source in HUB:
        return hub_source(source, HUB[source])
    if isinstance(source, str) and source.startswith("hf:"):
        repository = source.removeprefix("hf:")
        if repository.count("/") != 1 or not all(repository.split("/")):
            raise bad_parameter("source", "of the form hf:owner/name", source)
        return hub_source(repository, repository)
    path = Path(source).expanduser()
    if source != "" and path.exists():
        return local_source(path, image_size)
    if isinstance(source, str) and is_import_path(source):
        return imported_source(source)
    raise missing(source)


def hub_source(name: str, repository: str) -> Source:
    """Return the data set `repository` of the hub."""
    splits = open_hub(repository)
    return Source(name, decoded_once("parquet", hub_files(splits), lambda: read_hub(splits)))


def imported_source(path: str) -> Source:
    """Return what the callable at `package.module:callable` makes; it is called anew each time."""

    def read() -> tuple[Content, str]:
        content = imported_content(path)
        return content, checksum(content)

    return Source(path, read)


def local_source(path: Path, image_size: int | None) -> Source:
    """Return what the file or folder `path` holds."""
    name = path.resolve().name
    shards = find_shards(path)
    if shards is not None:
        files = [file for split in shards.values() for file in split]
        return Source(name, decoded_once("parquet", files, lambda: read_parquet(shards)))
    archive = find_archive(path)
    if archive is not None:
        layout = archive.layout
        kind = layout.archive if archive.packed else layout.folder
        read = decoded_once(kind, archive.files, lambda: read_archive(archive))
        return Source(layout.dataset, read)
    folder = find_image_folder(path)
    if folder is not None:
        return Source(name, image_folder_reader(folder, image_size), scaled=True)
    raise unreadable(path)


def image_folder_reader(
    folder: ImageFolder, image_size: int | None
) -> Callable[[], tuple[Content, str]]:
    """Return what reads the image files of `folder` at that size."""
    whole = isinstance(image_size, int) and not isinstance(image_size, bool)
    if image_size is not None and not (whole and image_size >= 1):
        raise bad_parameter("image_size", "a whole number of pixels, at least 1", image_size)
    kind = f"image folder, image_size={image_size}"
    decode = partial(read_image_folder, folder, image_size=image_size)
    # Here a file's folder is its class, so the whole path belongs to the key.
    return decoded_once(kind, folder.files, decode, root=folder.root)


def decoded_once(
    kind: str, files: Iterable[Path], decode: Callable[[], Content], *, root: Path | None = None
) -> Callable[[], tuple[Content, str]]:
    """Return what decodes `files`, or finds them decoded in the cache."""
    return lambda: cached(content_key(kind, files, root=root), decode)


def unreadable(path: Path) -> UsageError:
    """Return the error for a file or folder without images; it says what was looked for."""
    archives = ", ".join(layout.archive for layout in LAYOUTS)
    folders = ", ".join(layout.folder for layout in LAYOUTS)
    return UsageError(
        f"{path} holds no images that can be read. Looked for data/train-*.parquet, "
        f"train-*.parquet, an original archive ({archives}), its unpacked folder ({folders}), "
        "and image files in train/CLASS and test/CLASS."
    )


def missing(source: str | Path) -> UsageError:
    """Return the error for a name or path behind which there is nothing."""
    name = str(source)
    if isinstance(source, Path) or os.sep in name or "/" in name or name.startswith((".", "~")):
        return UsageError(f"There is no file or folder {name}.")
    others = ["hf:owner/name", "package.module:callable", "the path of a folder"]
    return unknown_name("source", name, [*NAMES, *others])
