"""Decoded images on disk, so that only the first start pays for decoding.

An entry is a folder of .npy files in the user's cache folder, or in the one that the environment
variable FOVEAL_CACHE names. It is written aside and renamed, so that it is whole or absent, and
its checksum is verified each time it is opened; a damaged entry is decoded again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from foveal.cache_folder import get_cache_folder
from foveal.data.dataset import Split
from foveal.data.decoded import Content, arrays, checksum
from foveal.errors import FovealError

FORMAT = 1  # to be raised whenever the same files would be decoded into something else


def content_key(kind: str, files: Iterable[Path], *, root: Path | None = None) -> str:
    """Return the key of what `files` decode into, from the bytes and the name of each.

    With `root`, the name of a file is its path from there.
    """
    digest = hashlib.sha256(f"{FORMAT} {kind}".encode())
    for path in files:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise FovealError(f"{path} cannot be read: {error.strerror}.") from error
        name = path.relative_to(root).as_posix() if root else path.name
        digest.update(f"\n{name} {content}".encode())
    return digest.hexdigest()[:32]


def cached(key: str, decode: Callable[[], Content]) -> tuple[Content, str]:
    """Return the content under `key` and its checksum; call `decode` only if it is not there."""
    root = get_cache_folder() / "data"
    entry = root / key
    found = read_entry(entry)
    if found is not None:
        return found
    with lock(root, key):
        found = read_entry(entry)  # another process may have decoded it meanwhile
        if found is None:
            content = decode()
            write_entry(entry, content)
            found = read_entry(entry)
    if found is None:
        raise FovealError(f"What was written to {entry} does not read back; check that disk.")
    return found


def lock(root: Path, key: str) -> FileLock:
    """Return the lock under which the entry `key` is written; a killed process gives it up."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / f"{key}.lock").touch()
    except OSError as error:
        raise unwritable(root, error) from error
    return FileLock(root / f"{key}.lock")


def write_entry(entry: Path, content: Content) -> None:
    """Write `content` aside and rename it to `entry`, in place of a damaged one."""
    aside = entry.with_name(f"{entry.name}.partial")
    try:
        shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
        aside.mkdir()
        for name, array in arrays(content):
            np.save(aside / f"{name}.npy", array)
        names = [name for name, _ in arrays(content)]
        known = {"classes": content.classes, "arrays": names, "checksum": checksum(content)}
        (aside / "content.json").write_text(json.dumps(known), encoding="utf-8")
        shutil.rmtree(entry, ignore_errors=True)
        aside.rename(entry)
    except OSError as error:
        raise unwritable(entry.parent, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def unwritable(folder: Path, error: OSError) -> FovealError:
    """Return the error for a cache folder that takes no files."""
    return FovealError(
        f"The cache folder {folder} cannot be written ({error.strerror or error}); "
        "set the environment variable FOVEAL_CACHE to another folder."
    )


def read_entry(entry: Path) -> tuple[Content, str] | None:
    """Return the content of `entry` and its checksum, or None if it is absent or damaged."""
    try:
        known = json.loads((entry / "content.json").read_text(encoding="utf-8"))
        loaded = {name: load(entry / f"{name}.npy") for name in known["arrays"]}
        content = Content(
            tuple(known["classes"]), split_of(loaded, "train"), split_of(loaded, "test")
        )
        whole = checksum(content) == known["checksum"]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return (content, known["checksum"]) if whole else None


def load(path: Path) -> npt.NDArray[np.generic]:
    """Map images into memory as they are used, and read the small columns at once."""
    mapped = path.name.endswith(".images.npy")
    array: npt.NDArray[np.generic] = np.load(path, mmap_mode="r" if mapped else None)
    return array


def split_of(loaded: dict[str, npt.NDArray[np.generic]], name: str) -> Split:
    """Put the arrays of the split `name` together."""
    start = f"{name}.details."
    details = {key.removeprefix(start): loaded[key] for key in loaded if key.startswith(start)}
    images = loaded[f"{name}.images"].astype(np.uint8, copy=False)
    return Split(images, loaded[f"{name}.labels"].astype(np.int64, copy=False), details)
