"""Progress of runs: callbacks for an observer, and the progress file of a run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foveal.records import write_progress

if TYPE_CHECKING:
    from foveal.study.config import RunConfig
    from foveal.training import EpochMetrics

_SECONDS_BETWEEN_WRITES: Final = 1.0


class Progress:
    """Callbacks for each run, step and epoch. This class ignores them; subclasses override them."""

    def on_run_start(self, config: RunConfig) -> None:
        """Handle the start of a run, or its resumption."""

    def on_step(self, step: int, steps: int) -> None:
        """Handle the end of a training step, the `step`-th of `steps` in the run."""

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Handle the end of an epoch and its evaluation."""

    def on_run_end(self, config: RunConfig) -> None:
        """Handle the end of the training of a run."""


class LineProgress(Progress):
    """Progress as plain lines, one per epoch, for notebooks and files."""

    def __init__(self) -> None:
        self._config: RunConfig | None = None

    def on_run_start(self, config: RunConfig) -> None:
        """Keep the options of the run for its lines."""
        self._config = config

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Print variant, seed, epoch, accuracies and time."""
        if self._config is not None:
            print(  # noqa: T201 - the purpose of this class
                f"{self._config.attention}, seed {self._config.seed}, "
                f"epoch {metrics.epoch} of {self._config.epochs}: "
                f"training accuracy {metrics.train_accuracy:.1%}, test accuracy {metrics.test_accuracy:.1%}, "
                f"{metrics.time_seconds:.1f} s",
                flush=True,
            )


class ProgressWriter:
    """Writer of the progress file of a run, at most once per second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_step = 0
        self.start = self.written_at = time.monotonic()
        self.last_epoch: EpochMetrics | None = None
        write_progress(folder, step=0, steps=1, seconds_left=None)

    def on_step(self, step: int, steps: int) -> None:
        """Write the step, and the time left at the speed of the steps that this process has done."""
        now = time.monotonic()
        if not self.first_step:
            self.first_step, self.start = step, now
        elif now - self.written_at < _SECONDS_BETWEEN_WRITES:
            return
        self.written_at = now
        done = step - self.first_step
        step_seconds = (now - self.start) / done if done else None
        last = self.last_epoch
        write_progress(
            self.folder,
            step=step,
            steps=steps,
            seconds_left=step_seconds * (steps - step) if step_seconds is not None else None,
            step_seconds=step_seconds,
            train_accuracy=last.train_accuracy if last else None,
            test_accuracy=last.test_accuracy if last else None,
        )

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Keep the accuracies of an epoch for the next writing."""
        self.last_epoch = metrics
