"""The last file of a run: a checksum of every other one, so that damage is found and not counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from foveal.atomic import atomic_write
from foveal.errors import CorruptRecordError
from foveal.records import schema

# What an unfinished run keeps for itself.
WORKING = frozenset({schema.LOCK, schema.CHECKPOINT, schema.PROGRESS, schema.MANIFEST})


def write_manifest(folder: Path) -> None:
    """Write the checksums of all files of a run; with them it is complete."""
    for leftover in folder.glob(".*.tmp"):  # of a process that was killed while it wrote
        leftover.unlink()
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in WORKING)
    digests = {path.relative_to(folder).as_posix(): hash_file(path) for path in files}
    content = {"schema": schema.SCHEMA, "sha256": digests}
    with atomic_write(folder / schema.MANIFEST) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")


def is_complete(folder: Path) -> bool:
    """Say whether `folder` is a finished run; its manifest is the last thing written."""
    return (folder / schema.MANIFEST).is_file()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_manifest(folder: Path, *, but: Iterable[str] = ()) -> None:
    """See that every file of a finished run is as it was written, leaving out the folders `but`.

    Raises:
        DamagedError: one is missing or has changed.
    """
    skipped = set(but)
    for name, expected in read_manifest(folder).items():
        path = folder / name
        if name.partition("/")[0] in skipped:
            continue
        if not path.is_file():
            raise corrupt_run_error(folder, f"{name} is missing")
        if hash_file(path) != expected:
            raise corrupt_run_error(folder, f"{name} is not as it was written")


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of a run by its path."""
    try:
        return dict(json.loads((folder / schema.MANIFEST).read_text())["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise corrupt_run_error(folder, f"{schema.MANIFEST} cannot be read") from error


def corrupt_run_error(folder: Path, reason: str) -> CorruptRecordError:
    """Return the error for a run that cannot be counted."""
    return CorruptRecordError(f"The run {folder} is damaged ({reason}): run it again.")
