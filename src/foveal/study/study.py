"""Study: variants x seeds, in one cell or in each cell of a grid, in one folder."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from foveal.errors import CorruptRecordError, FovealError
from foveal.records import (
    Design,
    RunRecord,
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
from foveal.study.config import StudyConfig
from foveal.study.data_frames import make_results_frame, make_verdicts_frame
from foveal.study.design_extension import extend_design, read_stored_design
from foveal.study.executors import Executor, Outcome, Task, run_in_process
from foveal.study.extras_registry import store_variant_extras
from foveal.study.locks import lock_study
from foveal.study.needed_runs import select_needed_runs, select_wanted_runs
from foveal.study.resolved_design import resolve_design
from foveal.study.run_list import PlannedRun, list_runs, map_same_seed, select_shard
from foveal.study.study_html import render_study_html
from foveal.study.study_step_times import store_step_times, store_step_times_in_child
from foveal.study.trackers import log_verdicts, open_trackers
from foveal.text_format import format_count, join_seeds

_MAX_TABLE_SHARE: Final = 0.05
"""Share of the time that may be spent on writing results.csv while runs end."""


@dataclass(frozen=True)
class Study:
    """A study on disk; `open` creates it or resumes it.

    >>> study = Study.open(Path("runs/demo"), StudyConfig(attention="none,cbam"))  # doctest: +SKIP
    >>> record = study.run()  # doctest: +SKIP
    """

    folder: Path
    design: Design
    _known_runs: dict[Path, RunRecord] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path, config: StudyConfig, *, max_parallel_runs: int = 1) -> Study:
        """Create the study in `folder`, or resume the one that is there.

        Variants, seeds and cells of the grid may be added; the planned seeds and the planned margin stay on
        record. Every option that changes a result is resolved here, once. Nothing is written before the whole
        request is known to be possible. In a new study without `threads`, `max_parallel_runs` runs share the
        cores.

        Raises:
            UsageError: a variant or an option is wrong, or the folder contains another study.
        """
        stored = read_stored_design(folder)
        requested = resolve_design(config, stored, max_parallel_runs=max_parallel_runs)
        design = extend_design(stored, requested, folder)
        folder.mkdir(parents=True, exist_ok=True)
        with lock_study(folder):
            if read_stored_design(folder) != stored:  # another shard was faster: its values win
                stored = read_stored_design(folder)
                requested = resolve_design(config, stored, max_parallel_runs=max_parallel_runs)
                design = extend_design(stored, requested, folder)
            write_design(folder, design)
        planned_seeds, planned_margin = design.planned_seeds, design.planned_margin
        return cls(
            folder, replace(requested, planned_seeds=planned_seeds, planned_margin=planned_margin)
        )

    @classmethod
    def load(cls, folder: Path | str) -> Study:
        """Return the study in `folder` as it was stored, to look at its results or to continue it.

        Raises:
            UsageError: `folder` is not a study.
        """
        folder = Path(folder)
        return cls(folder, read_design(folder))

    def results(self) -> Any:
        """Return a data frame of pandas with a row per finished run, the same as results.csv."""
        return make_results_frame(self.read_finished())

    def verdicts(self) -> Any:
        """Return a data frame of pandas with a row per comparison; differences are fractions of 1."""
        return make_verdicts_frame(self.read_finished())

    def _repr_html_(self) -> str:
        """Return answer and table for a notebook."""
        return render_study_html(self.read_finished())

    def list_runs(self, shard: str | None = None) -> list[PlannedRun]:
        """Return every requested run, all variants of a seed together."""
        return select_shard(list_runs(self.design, self.folder), shard)

    def list_wanted_runs(self, shard: str | None = None) -> list[PlannedRun]:
        """Return every requested run; in a sequential study, those that were begun or are needed next."""
        runs = self.list_runs(shard)
        return select_wanted_runs(runs, self.read_finished()) if self.design.looks else runs

    def list_missing_runs(self, shard: str | None = None) -> list[PlannedRun]:
        """Return the runs that are not finished; in a sequential study, those needed for the next looks."""
        runs = self.list_runs(shard)
        if self.design.looks:
            runs = select_needed_runs(runs, self.read_finished())
        return [run for run in runs if not is_complete(run.folder)]

    def read_finished(self) -> StudyRecord:
        """Return the requested study with its finished runs, each of which is read once."""
        record = read_study(self.folder, known=self._known_runs)
        return replace(record, design=self.design)

    def quarantine_damaged_runs(self) -> list[str]:
        """Quarantine every run whose files have changed, and return a warning per run."""
        self._known_runs.clear()
        with lock_study(self.folder):
            return [
                f"{error} It was renamed to {quarantine_folder(folder).name}."
                for folder in list_run_folders(self.folder)
                if (error := _find_damage(folder)) is not None
            ]

    def run(
        self,
        executor: Executor = run_in_process,
        *,
        shard: str | None = None,
        with_extras: bool | Collection[str] = True,
        keep_weights: bool = True,
        trackers: Sequence[str] = (),
    ) -> StudyRecord:
        """Train the missing runs, resume interrupted ones, write results.csv and return the record.

        `with_extras` is which of `RUN_EXTRAS` to store with each run: all, none, or these names.
        `trackers`, such as `("tensorboard",)`, get curves, final values and verdicts. One that fails is left
        out with a warning.

        Raises:
            FovealError: some runs failed or were left out; all others are complete.
        """
        self.quarantine_damaged_runs()
        trackers, texts = open_trackers(self.folder, trackers)
        outcomes = list(
            self.run_missing(
                executor,
                shard=shard,
                with_extras=with_extras,
                keep_weights=keep_weights,
                trackers=trackers,
            )
        )
        record = self.write_results()
        if trackers:
            texts += [outcome.warning for outcome in outcomes if outcome.warning]
            texts += log_verdicts(record, trackers)
        for text in dict.fromkeys(texts):
            warnings.warn(text, stacklevel=2)
        failed = [outcome for outcome in outcomes if outcome.error]
        if failed:
            raise FovealError(describe_failures(failed, len(outcomes)))
        return record

    def store_step_times(
        self,
        executor: Executor = run_in_process,
        *,
        shard: str | None = None,
        with_extras: bool | Collection[str] = True,
    ) -> None:
        """Time a few steps of each variant, unless their times are stored or no run is missing."""
        if with_extras and self.list_missing_runs(shard):
            store = store_step_times if executor is run_in_process else store_step_times_in_child
            store(self.folder, read_design(self.folder))

    def run_missing(
        self,
        executor: Executor = run_in_process,
        *,
        shard: str | None = None,
        with_extras: bool | Collection[str] = True,
        keep_weights: bool = True,
        trackers: Sequence[str] = (),
    ) -> Iterator[Outcome]:
        """Train the missing runs and yield the outcome of each when it ends; call `write_results` after it."""
        self.store_step_times(executor, shard=shard, with_extras=with_extras)
        next_table = 0.0
        same_seed = map_same_seed(read_design(self.folder), self.folder)
        first_seed, first_variant = self.design.first_seed, self.design.variants[0]

        def list_tasks() -> list[Task]:
            return [
                Task(
                    run.config,
                    run.folder,
                    with_extras=with_extras,
                    keep_weights=keep_weights,
                    keep_training_batch=(run.config.seed, run.config.attention)
                    == (first_seed, first_variant),
                    same_seed=same_seed[run.folder],
                    trackers=tuple(trackers),
                )
                for run in self.list_missing_runs(shard)
            ]

        for outcome in executor(list_tasks):
            start = time.monotonic()
            if start >= next_table:
                self.write_results()
                # Reading all runs of a large study takes long.
                next_table = start + (time.monotonic() - start) / _MAX_TABLE_SHARE
            yield outcome
        if with_extras and not self.list_missing_runs():
            store_variant_extras(self.folder, read_design(self.folder))

    def write_results(self) -> StudyRecord:
        """Read the finished runs, write results.csv and return the record."""
        with lock_study(self.folder):
            record = read_study(self.folder)
            if record.runs:
                write_results_table(record)
        return record


def _find_damage(folder: Path) -> CorruptRecordError | None:
    """Return the error of a damaged run, or None if its files are unchanged."""
    try:
        verify_manifest(folder)
    except CorruptRecordError as error:
        return error
    return None


def describe_failures(failed: Sequence[Outcome], tried: int) -> str:
    """Return the number of failed runs and the first error, and which seeds were left out and why."""
    left_out = [outcome for outcome in failed if outcome.is_left_out]
    errors = [outcome for outcome in failed if not outcome.is_left_out]
    sentences = [
        f"{len(errors)} of {tried} runs failed. {first.task.folder.name}: {first.error} Complete runs are "
        "kept; run the same command again to retry the others."
        for first in errors[:1]
    ]
    for reason in dict.fromkeys(outcome.error for outcome in left_out):
        seeds = [outcome.task.config.seed for outcome in left_out if outcome.error == reason]
        count = format_count(len(seeds), "run")
        sentences.append(
            f"The study is not complete. Left out: {count} of {join_seeds(seeds)}. {reason}"
        )
    return " ".join(sentences)
