"""Task and outcome: a run as an executor sees it, and the executor of this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foveal.atomic import get_partial_path
from foveal.errors import CorruptRecordError, FovealError
from foveal.records import quarantine_folder
from foveal.study.config import RunConfig
from foveal.study.data_loading import load_shared_data
from foveal.study.instruction_sets import OtherInstructionSetError
from foveal.study.progress import Progress
from foveal.study.runner import run
from foveal.study.trackers import RunLog, place_study_run


@dataclass(frozen=True)
class Task:
    """A run to train, its folder, what it stores, the folders of the runs of its seed, and its trackers."""

    config: RunConfig
    folder: Path
    with_extras: bool | Collection[str] = True
    keep_weights: bool = True
    keep_training_batch: bool = True
    same_seed: tuple[Path, ...] = ()
    trackers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Outcome of a task: `error` is empty if its run is complete, `warning` is empty or for the user.

    `is_left_out` is true if the run was not started, because its seed needs another instruction set.
    """

    task: Task
    error: str = ""
    warning: str = ""
    is_left_out: bool = False


ListTasks = Callable[[], Sequence[Task]]
"""Returns the tasks to run now, most urgent first. It is called again after each outcome."""
Executor = Callable[[ListTasks], Iterator[Outcome]]


def run_in_process(list_tasks: ListTasks, *, progress: Progress | None = None) -> Iterator[Outcome]:
    """Run the tasks one after another in this process, and yield their outcomes."""
    started: set[Path] = set()
    while tasks := select_new_tasks(list_tasks, started):
        started.add(tasks[0].folder)
        yield attempt_task(tasks[0], progress)


def select_new_tasks(list_tasks: ListTasks, started: Collection[Path]) -> list[Task]:
    """Return the tasks to run now whose folders are not among those of `started` ones."""
    return [task for task in list_tasks() if task.folder not in started]


def attempt_task(task: Task, progress: Progress | None = None) -> Outcome:
    """Run one task and return its outcome; its errors do not stop the other tasks.

    An interrupted run with damaged files is quarantined and trained from its start.
    """
    warning = ""
    try:
        try:
            warning = _complete_run(task, progress)
        except CorruptRecordError as error:
            quarantined = quarantine_folder(get_partial_path(task.folder))
            warning = f"{error} It was renamed to {quarantined.name}."
            warning = " ".join(filter(None, [warning, _complete_run(task, progress)]))
    except Exception as error:  # a user-defined network may raise anything
        text = str(error) if isinstance(error, FovealError) else f"{type(error).__name__}: {error}"
        return Outcome(
            task,
            error=" ".join(text.split()),
            warning=warning,
            is_left_out=isinstance(error, OtherInstructionSetError),
        )
    return Outcome(task, warning=warning)


def _complete_run(task: Task, progress: Progress | None) -> str:
    """Train the run of a task, or resume it if it was interrupted, and return the warnings of trackers."""
    with RunLog(task.trackers, place_study_run(task.folder), progress) as log:
        record = run(
            task.config,
            task.folder,
            resume=True,
            data=load_shared_data(task.config),
            progress=log,
            with_extras=task.with_extras,
            keep_weights=task.keep_weights,
            keep_training_batch=task.keep_training_batch,
            same_seed=task.same_seed,
        )
        log.log_results(record.results)
    return " ".join(log.warnings)
