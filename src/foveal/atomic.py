"""Files that are there whole or not at all: written aside, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"


def partial_path(path: Path) -> Path:
    """Return where `path` is prepared: beside it, so that the rename stays on one file system."""
    return path.with_name(path.name + PARTIAL)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes `path` when the block ends well, and goes if it does not."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield aside
        fsync_file(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def fsync_file(path: Path) -> None:
    """Wait until the content of the file is on the disk, so that a rename never outruns it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
