"""What a long piece of work tells whoever watches it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.records import write_progress

if TYPE_CHECKING:
    from foveal.study.config import RunConfig
    from foveal.training import EpochMetrics

SECONDS_BETWEEN = 1.0


class Progress:
    """Told of each run, step and epoch; this one keeps silent."""

    def begin_run(self, config: RunConfig) -> None:
        """A run starts, or goes on."""

    def step(self, done: int, steps: int) -> None:
        """One training step is done, of `steps` in the run."""

    def epoch(self, row: EpochMetrics) -> None:
        """An epoch is done and evaluated."""

    def end_run(self, config: RunConfig) -> None:
        """The run is trained."""


class Heartbeat:
    """Leaves in the folder of a run how far it is, once a second at most, so that anyone can watch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = 0
        self.start = self.written = time.monotonic()
        write_progress(folder, step=0, steps=1, seconds_left=None)

    def step(self, done: int, steps: int) -> None:
        """Write the step, and the time left if the rest goes as what this process has done."""
        now = time.monotonic()
        if not self.first:
            self.first, self.start = done, now
        elif now - self.written < SECONDS_BETWEEN:
            return
        self.written = now
        own = done - self.first
        left = (now - self.start) / own * (steps - done) if own else None
        write_progress(self.folder, step=done, steps=steps, seconds_left=left)
