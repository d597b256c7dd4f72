"""A study: variants x seeds in one setting or in each of a grid, in one folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from foveal.errors import CorruptRecordError, FovealError
from foveal.records import (
    Design,
    StudyRecord,
    is_complete,
    list_run_folders,
    quarantine_folder,
    read_design,
    read_study,
    verify_manifest,
    write_design,
    write_results_table,
)
from foveal.study import extras
from foveal.study.config import RunConfig, StudyConfig
from foveal.study.design import list_runs, select_shard
from foveal.study.executors import Executor, Outcome, Task, run_in_process
from foveal.study.resolved_design import extend_design, read_stored_design, resolve_design

Run = tuple[RunConfig, Path]


@dataclass(frozen=True)
class Study:
    """A study on disk; `open` makes it or finds it.

    >>> study = Study.open(Path("runs/slice"), StudyConfig(attention="none,series"))  # doctest: +SKIP
    >>> record = study.run()  # doctest: +SKIP
    """

    folder: Path
    design: Design

    @classmethod
    def open(cls, folder: Path, config: StudyConfig, *, at_a_time: int = 1) -> Study:
        """Make the study in `folder`, or go on with the one that is there.

        Variants, seeds and cells of the grid may be added; the seeds and the margin that it was
        planned with stay on record. All that changes a result is settled here, once, and never
        again. Nothing is written before everything asked for is known to be possible. A new study
        whose threads are left open shares the cores among `at_a_time` runs.

        Raises:
            UsageError: a variant or an option is wrong, or the folder holds another study.
        """
        stored = read_stored_design(folder)
        wanted = resolve_design(config, stored, at_a_time=at_a_time)
        design = extend_design(stored, wanted, folder)
        folder.mkdir(parents=True, exist_ok=True)
        with study_lock(folder):
            if (
                read_stored_design(folder) != stored
            ):  # another shard was quicker: what it settled holds
                stored = read_stored_design(folder)
                wanted = resolve_design(config, stored, at_a_time=at_a_time)
                design = extend_design(stored, wanted, folder)
            write_design(folder, design)
        asked = replace(
            wanted, planned_seeds=design.planned_seeds, planned_margin=design.planned_margin
        )
        return cls(folder, asked)

    def runs(self, shard: str | None = None) -> list[Run]:
        """Return every run that was asked for and its folder, all variants of a seed together."""
        return select_shard(list_runs(self.design, self.folder), shard)

    def set_aside_damaged(self) -> list[str]:
        """Set aside every run whose files are not as they were written, and say so of each."""
        with study_lock(self.folder):
            return [
                f"{error} It was set aside as {quarantine_folder(folder).name}."
                for folder in list_run_folders(self.folder)
                if (error := damage(folder)) is not None
            ]

    def missing(self, shard: str | None = None) -> list[Run]:
        """Return the runs that are still to be done."""
        return [run for run in self.runs(shard) if not is_complete(run[1])]

    def run(
        self,
        executor: Executor = run_in_process,
        *,
        shard: str | None = None,
        with_extras: bool = True,
    ) -> StudyRecord:
        """Run what is missing, go on with what was interrupted, and write results.csv.

        Raises:
            FovealError: some runs failed; all others are complete.
        """
        self.set_aside_damaged()
        outcomes = list(self.outcomes(executor, shard=shard, with_extras=with_extras))
        record = self.record()
        failed = [outcome for outcome in outcomes if outcome.error]
        if failed:
            raise FovealError(describe_failures(failed, len(outcomes)))
        return record

    def outcomes(
        self,
        executor: Executor = run_in_process,
        *,
        shard: str | None = None,
        with_extras: bool = True,
    ) -> Iterator[Outcome]:
        """Run what is missing and yield how each run ended as it ends; `record` closes the table."""
        tasks = [Task(config, folder, with_extras) for config, folder in self.missing(shard)]
        next_table = 0.0
        for outcome in executor(tasks):
            start = time.monotonic()
            if start >= next_table:
                self.record()
                # Reading every run takes its time in a large study: a twentieth of it at most.
                next_table = start + 20 * (time.monotonic() - start)
            yield outcome
        if with_extras and not self.missing():
            extras.leave_with_study(self.folder, read_design(self.folder))

    def record(self) -> StudyRecord:
        """Read what there is, and write its table."""
        with study_lock(self.folder):
            record = read_study(self.folder)
            if record.runs:
                write_results_table(record)
        return record


@contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Keep other processes from making the same study, or its table, at the same time."""
    with FileLock(folder / ".lock"):
        yield


def damage(folder: Path) -> CorruptRecordError | None:
    """Return what is wrong with the files of a finished run, None if they are as they were written."""
    try:
        verify_manifest(folder)
    except CorruptRecordError as error:
        return error
    return None


def describe_failures(failed: Sequence[Outcome], tried: int) -> str:
    """Say in one sentence which runs failed, and why the first did."""
    first = failed[0]
    return (
        f"{len(failed)} of {tried} runs failed; {first.task.folder.name}: {first.error} "
        "What is complete is kept; the same command tries the others again."
    )
