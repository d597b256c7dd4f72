"""Cache of decoded images on disk, so that each source is decoded only once.

An entry is a folder of .npy files in the user's cache folder, or in the folder given by the environment
variable FOVEAL_CACHE. Entries are written atomically, and their checksum is verified on each read. A
damaged entry is decoded again.
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
from foveal.data.decoded import DecodedData, compute_checksum, iterate_arrays
from foveal.errors import FovealError

_CACHE_FORMAT = 2  # raise it when the same files would be decoded or stored differently
_INDEX_FILE = "index.json"


def compute_cache_key(kind: str, files: Iterable[Path], *, root: Path | None = None) -> str:
    """Return the cache key of `files`, computed from their names and bytes.

    With `root`, the name of a file is its path relative to `root`.

    Raises:
        FovealError: a file cannot be read.
    """
    digest = hashlib.sha256(f"{_CACHE_FORMAT} {kind}".encode())
    for path in files:
        try:
            with path.open("rb") as file:
                file_digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise FovealError(f"{path} cannot be read: {error.strerror}.") from error
        name = path.relative_to(root).as_posix() if root else path.name
        digest.update(f"\n{name} {file_digest}".encode())
    return digest.hexdigest()[:32]


def load_or_decode_data(key: str, decode: Callable[[], DecodedData]) -> tuple[DecodedData, str]:
    """Return the data cached under `key` and its checksum; call `decode` only if there is no entry.

    Raises:
        FovealError: the cache folder cannot be written, or the entry is damaged after writing.
    """
    root = get_cache_folder() / "data"
    entry = root / key
    cached = _read_entry(entry)
    if cached is not None:
        return cached
    with _make_entry_lock(root, key):
        cached = _read_entry(entry)  # another process may have written it meanwhile
        if cached is None:
            _write_entry(entry, decode())
            cached = _read_entry(entry)
    if cached is None:
        raise FovealError(f"The cache entry {entry} is damaged after writing. Check that disk.")
    return cached


def _make_entry_lock(root: Path, key: str) -> FileLock:
    """Return the lock for writing the entry `key`; the system releases it if the process dies."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / f"{key}.lock").touch()
    except OSError as error:
        raise _make_cache_folder_error(root, error) from error
    return FileLock(root / f"{key}.lock")


def _write_entry(entry: Path, data: DecodedData) -> None:
    """Write `data` to a temporary folder and rename it to `entry`, replacing a damaged entry."""
    partial = entry.with_name(f"{entry.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
        partial.mkdir()
        for name, array in iterate_arrays(data):
            np.save(partial / f"{name}.npy", array)
        names = [name for name, _ in iterate_arrays(data)]
        index = {"classes": data.classes, "arrays": names, "checksum": compute_checksum(data)}
        (partial / _INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
        shutil.rmtree(entry, ignore_errors=True)
        partial.rename(entry)
    except OSError as error:
        raise _make_cache_folder_error(entry.parent, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_cache_folder_error(folder: Path, error: OSError) -> FovealError:
    """Return the error for a cache folder that cannot be written."""
    return FovealError(
        f"The cache folder {folder} cannot be written ({error.strerror or error}). "
        "Set the environment variable FOVEAL_CACHE to another folder."
    )


def _read_entry(entry: Path) -> tuple[DecodedData, str] | None:
    """Return the data of `entry` and its checksum, or None if the entry is absent or damaged."""
    try:
        index = json.loads((entry / _INDEX_FILE).read_text(encoding="utf-8"))
        arrays = {name: _load_array(entry / f"{name}.npy") for name in index["arrays"]}
        train, test = (_make_split(arrays, name) for name in ("train", "test"))
        data = DecodedData(tuple(index["classes"]), train, test)
        is_intact = compute_checksum(data) == index["checksum"]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return (data, index["checksum"]) if is_intact else None


def _load_array(path: Path) -> npt.NDArray[np.generic]:
    """Load one array; images are memory-mapped, and the small columns are read at once."""
    is_mapped = path.name.endswith(".images.npy")
    array: npt.NDArray[np.generic] = np.load(path, mmap_mode="r" if is_mapped else None)
    return array


def _make_split(arrays: dict[str, npt.NDArray[np.generic]], name: str) -> Split:
    """Return the split `name` from the arrays of an entry."""
    prefix = f"{name}.columns."
    columns = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
    images = arrays[f"{name}.images"].astype(np.uint8, copy=False)
    return Split(images, arrays[f"{name}.labels"].astype(np.int64, copy=False), columns)
