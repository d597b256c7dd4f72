"""How far an unfinished run is, left in its folder for whoever watches, in this process or another."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from foveal.atomic import atomic_write
from foveal.records import schema

SILENCE = 600.0  # seconds after which a run on another machine counts as interrupted


@dataclass(frozen=True)
class RunProgress:
    """Steps done of all, the time left as far as known, by which process, and when it was written."""

    step: int
    steps: int
    seconds_left: float | None
    machine: str
    process: int
    written: float

    @property
    def is_alive(self) -> bool:
        """Say whether somebody still works on the run."""
        if self.machine != platform.node():
            return time.time() - self.written < SILENCE
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's process
            return True
        return True


def write_progress(folder: Path, *, step: int, steps: int, seconds_left: float | None) -> None:
    """Say how far the run in `folder` is."""
    mine = RunProgress(step, steps, seconds_left, platform.node(), os.getpid(), time.time())
    with atomic_write(folder / schema.PROGRESS) as aside:
        aside.write_text(json.dumps(asdict(mine)))


def read_progress(folder: Path) -> RunProgress | None:
    """Return how far the run in `folder` is; None if it has not said so yet."""
    try:
        return RunProgress(**json.loads((folder / schema.PROGRESS).read_text()))
    except (OSError, ValueError, TypeError):
        return None
