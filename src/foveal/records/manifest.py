"""Manifest: the last file of a run, with a checksum of every other file, so that damage is detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from foveal.atomic import atomic_write
from foveal.errors import CorruptRecordError
from foveal.records import schema

_FILES_WITHOUT_CHECKSUM: Final = frozenset(
    {schema.LOCK_FILE, schema.CHECKPOINT_FILE, schema.PROGRESS_FILE, schema.MANIFEST_FILE}
)
"""Files that the manifest does not list: those of an unfinished run, and the manifest."""


def write_manifest(folder: Path) -> None:
    """Write the checksums of all files of a run. With its manifest a run is complete."""
    for leftover in folder.glob(".*.tmp"):  # of a process that was killed while writing
        leftover.unlink()
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in _FILES_WITHOUT_CHECKSUM
    )
    checksums = {path.relative_to(folder).as_posix(): _hash_file(path) for path in paths}
    content = {"schema": schema.SCHEMA_VERSION, "sha256": checksums}
    with atomic_write(folder / schema.MANIFEST_FILE) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def is_complete(folder: Path) -> bool:
    """Return True if `folder` is a finished run: its manifest is written last."""
    return (folder / schema.MANIFEST_FILE).is_file()


def _hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_manifest(folder: Path, *, skip_folders: Iterable[str] = ()) -> None:
    """Check that every file of a finished run is unchanged, except those in `skip_folders`.

    Raises:
        CorruptRecordError: a file is missing or has changed.
    """
    skipped = set(skip_folders)
    for name, expected in _read_manifest(folder).items():
        path = folder / name
        if name.partition("/")[0] in skipped:
            continue
        if not path.is_file():
            raise make_corrupt_run_error(folder, f"{name} is missing")
        if _hash_file(path) != expected:
            raise make_corrupt_run_error(folder, f"{name} has changed")


def _read_manifest(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of a run by its path.

    Raises:
        CorruptRecordError: the manifest cannot be read.
    """
    try:
        return dict(json.loads((folder / schema.MANIFEST_FILE).read_text())["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise make_corrupt_run_error(folder, f"{schema.MANIFEST_FILE} cannot be read") from error


def make_corrupt_run_error(folder: Path, reason: str) -> CorruptRecordError:
    """Return the error for a damaged run."""
    return CorruptRecordError(f"The run {folder} is damaged ({reason}). Run it again.")
