"""Atomic writes: a file is complete or absent, because it is written under another name and then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PARTIAL_SUFFIX: Final = ".partial"


def get_partial_path(path: Path) -> Path:
    """Return the path under which `path` is prepared, in the same folder so that the rename is atomic."""
    return path.with_name(path.name + PARTIAL_SUFFIX)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` if the block succeeds.

    If the block raises, the temporary file is deleted and `path` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _fsync_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _fsync_file(path: Path) -> None:
    """Wait until the file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
