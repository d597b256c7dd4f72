"""Locks of a study and of its unfinished runs: one process at a time changes their files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from foveal.errors import UsageError
from foveal.records import schema


@contextmanager
def lock_study(folder: Path) -> Iterator[None]:
    """Prevent other processes from writing the design or the table of a study, and from starting its runs."""
    with FileLock(folder / ".lock"):
        yield


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Lock the folder of an unfinished run, and remove it at the end if nothing was written.

    Raises:
        UsageError: another process is training the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / schema.LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"Another process is training the run in {folder}. Wait for its end."
        ) from error
    try:
        yield
    finally:
        (folder / schema.LOCK_FILE).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # it has files, or was renamed
            folder.rmdir()
