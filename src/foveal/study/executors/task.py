"""One run as an executor sees it: what is to be done, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from foveal.data import ImageData
from foveal.errors import CorruptRecordError, FovealError
from foveal.records import get_partial_path, quarantine_folder
from foveal.study.config import DataConfig, RunConfig
from foveal.study.progress import Progress
from foveal.study.resolved_config import get_data_config, load_config_data
from foveal.study.runner import run


@dataclass(frozen=True)
class Task:
    """A run and its folder."""

    config: RunConfig
    folder: Path
    with_extras: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a task ended: `error` is empty when its run is complete; `noticed` is for the user."""

    task: Task
    error: str = ""
    noticed: str = ""


Executor = Callable[[Sequence[Task]], Iterator[Outcome]]


@lru_cache(maxsize=2)
def shared_data(images: DataConfig) -> ImageData:
    """Read the images once for all the tasks of this process that use them."""
    return load_config_data(images)


def attempt(task: Task, progress: Progress | None = None) -> Outcome:
    """Do one task; what goes wrong in it is told and does not keep others from being done."""
    noticed = ""
    try:
        try:
            complete(task, progress)
        except CorruptRecordError as error:  # of an interrupted run: nothing of it can be used
            aside = quarantine_folder(get_partial_path(task.folder))
            noticed = f"{error} It was set aside as {aside.name}."
            complete(task, progress)
    except Exception as error:  # whatever a network of the user's own may raise
        said = str(error) if isinstance(error, FovealError) else f"{type(error).__name__}: {error}"
        return Outcome(task, error=" ".join(said.split()), noticed=noticed)
    return Outcome(task, noticed=noticed)


def complete(task: Task, progress: Progress | None) -> None:
    """Run the task, or go on with what was interrupted."""
    run(
        task.config,
        task.folder,
        resume=True,
        data=shared_data(get_data_config(task.config)),
        progress=progress,
        with_extras=task.with_extras,
    )
