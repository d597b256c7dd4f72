"""What people read goes to stderr while work goes on; results go to stdout."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from foveal.study.config import RunConfig
from foveal.study.progress import Progress
from foveal.training.history import EpochMetrics

WIDTH = 100  # where the output goes into a file or a pipe; a terminal has its own

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)
if not out.is_terminal and "COLUMNS" not in os.environ:
    out.width = WIDTH


def say(text: str) -> None:
    """Print one line of text for people."""
    err.print(text, soft_wrap=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object, and nothing else, on stdout."""
    print(json.dumps(content, indent=2))  # noqa: T201


class LiveProgress(Progress):
    """A bar over the steps of one run and a line an epoch; lines alone where there is no terminal."""

    def __init__(self) -> None:
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )
        self.task = self.bars.add_task("", total=None)

    def __enter__(self) -> LiveProgress:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begin_run(self, config: RunConfig) -> None:
        """Name the run."""
        self.bars.update(self.task, description=f"{config.attention} seed {config.seed}")

    def step(self, done: int, steps: int) -> None:
        """Move the bar."""
        self.bars.update(self.task, completed=done, total=steps)

    def epoch(self, row: EpochMetrics) -> None:
        """Print the epoch."""
        say(
            f"epoch {row.epoch:>3}  train {row.train_loss:.4f} {row.train_accuracy:7.2%}  "
            f"test {row.test_loss:.4f} {row.test_accuracy:7.2%}  {row.time_seconds:6.1f} s"
        )
