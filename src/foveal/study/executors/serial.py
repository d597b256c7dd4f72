"""One run after another in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foveal.study.executors.task import Outcome, Task, attempt
from foveal.study.progress import Progress


def run_in_process(tasks: Sequence[Task], *, progress: Progress | None = None) -> Iterator[Outcome]:
    """Do the tasks in their order."""
    for task in tasks:
        yield attempt(task, progress)
