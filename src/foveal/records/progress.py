"""Progress of an unfinished run: a file in its folder that any process can read."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from foveal.atomic import atomic_write
from foveal.records import schema

_STALE_SECONDS: Final = 600.0
"""Age of the file after which a run on another machine counts as interrupted."""


@dataclass(frozen=True)
class RunProgress:
    """Progress of a run: steps done, all steps, times, accuracies, and the process that trains it.

    `seconds_left` is the expected time left and `step_seconds` the mean time of a step, both None before the
    second step. The accuracies are those of the last complete epoch, None before its end. `written_at` is the
    time of writing in seconds since the epoch.
    """

    step: int
    steps: int
    seconds_left: float | None
    machine: str
    process_id: int
    written_at: float
    step_seconds: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None

    @property
    def is_alive(self) -> bool:
        """True if a process is still training the run."""
        if self.machine != platform.node():
            return time.time() - self.written_at < _STALE_SECONDS
        try:
            os.kill(self.process_id, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # a process of another user
            return True
        return True


def write_progress(
    folder: Path,
    *,
    step: int,
    steps: int,
    seconds_left: float | None,
    step_seconds: float | None = None,
    train_accuracy: float | None = None,
    test_accuracy: float | None = None,
) -> None:
    """Write the progress of the run in `folder`, trained by this process; see `RunProgress`."""
    progress = RunProgress(
        step,
        steps,
        seconds_left,
        platform.node(),
        os.getpid(),
        time.time(),
        step_seconds,
        train_accuracy,
        test_accuracy,
    )
    with atomic_write(folder / schema.PROGRESS_FILE) as temporary:
        temporary.write_text(json.dumps(asdict(progress)))


def read_progress(folder: Path) -> RunProgress | None:
    """Return the progress of the run in `folder`, or None if none is readable."""
    try:
        return RunProgress(**json.loads((folder / schema.PROGRESS_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
