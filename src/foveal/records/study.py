"""Record of a study: its design, its finished runs, and one table of all results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from foveal.records import schema
from foveal.records.design import Cell, Design, read_design
from foveal.records.manifest import is_complete
from foveal.records.quarantine import list_run_folders
from foveal.records.run import Arrays, RunRecord, read_extras, read_run, write_table
from foveal.records.step_times import VariantStepTime, read_step_times

_RESULT_COLUMNS: Final = (
    "variant",
    "seed",
    "test_accuracy",
    "test_loss",
    "top5_accuracy",
    "train_accuracy",
    "train_loss",
    "calibration_error",
    "parameters",
    "epochs",
)
"""Columns that do not depend on the machine or the order of running. Times and dates follow, with prefixes."""


@dataclass(frozen=True)
class StudyRecord:
    """A study and its finished runs, in the order of its variants, then by seed.

    `cell` is None for the whole study, and the cell of the grid in a result of `split_by_cell`. `extras`
    are arrays stored per variant. `step_times` are empty in studies of earlier versions and with --no-extras.
    """

    folder: Path
    design: Design
    runs: tuple[RunRecord, ...]
    cell: Cell | None = None
    extras: Mapping[str, Arrays] = field(default_factory=dict)
    step_times: tuple[VariantStepTime, ...] = ()

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in the order of the design."""
        return self.design.variants

    @property
    def accuracies(self) -> dict[str, list[float]]:
        """Final test accuracy of each finished run, by variant; an empty list without any."""
        return {
            variant: [run.results["test_accuracy"] for run in self.get_runs(variant)]
            for variant in self.variants
        }

    @property
    def seeds(self) -> dict[str, list[int]]:
        """Seed of each finished run, by variant; an empty list without any."""
        return {
            variant: [run.results["seed"] for run in self.get_runs(variant)]
            for variant in self.variants
        }

    @property
    def correctness(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Correctness of each run on each test image, (runs, images), by variant with finished runs."""
        runs_by_variant = {variant: self.get_runs(variant) for variant in self.variants}
        return {
            variant: np.stack([run.predictions["correct"] for run in runs])
            for variant, runs in runs_by_variant.items()
            if runs
        }

    def get_runs(self, variant: str) -> tuple[RunRecord, ...]:
        """Return the finished runs of one variant, by seed."""
        return tuple(run for run in self.runs if run.results["variant"] == variant)

    def get_cell(self, run: RunRecord) -> Cell:
        """Return the cell of the grid of a run of this study."""
        return self.design.find_cell(run.config) or Cell()

    def split_by_cell(self) -> Iterator[StudyRecord]:
        """Yield the study of each cell of the grid. Comparisons stay within a cell."""
        for cell in self.design.cells:
            runs = tuple(run for run in self.runs if self.design.find_cell(run.config) == cell)
            times = tuple(each for each in self.step_times if each.cell == cell.identity)
            yield replace(self, cell=cell, runs=runs, step_times=times)


def read_study(folder: Path, *, known: dict[Path, RunRecord] | None = None) -> StudyRecord:
    """Read a study and its finished runs. Runs that are not part of its design are ignored.

    Args:
        folder: the study folder.
        known: runs that were read before, by folder; the others are read and added to it.

    Raises:
        UsageError: `folder` is not a study.
        CorruptRecordError: a file is damaged.
        FovealError: the study or a run has another schema.
    """
    design = read_design(folder)
    runs: dict[tuple[int, int, int], RunRecord] = {}
    known = {} if known is None else known
    for path in list_run_folders(folder):
        if path not in known and is_complete(path):
            known[path] = read_run(path)
    for run in list(known.values()):  # another thread may read as well
        cell = design.find_cell(run.config)
        if cell is not None:
            variant = design.variants.index(run.config["attention"])
            # A copied folder is the same run again.
            runs.setdefault((design.cells.index(cell), variant, run.config["seed"]), run)
    return StudyRecord(
        folder,
        design,
        tuple(runs[key] for key in sorted(runs)),
        extras=read_extras(folder),
        step_times=read_step_times(folder),
    )


def list_result_rows(study: StudyRecord) -> list[dict[str, Any]]:
    """Return one row per run: first what does not depend on the machine, then times and dates."""
    return [
        {
            **study.get_cell(run).columns,
            **{name: run.results[name] for name in _RESULT_COLUMNS},
            "run": run.folder.name,
            "time_seconds": run.results["seconds"],
            "time_images_per_second": run.results["images_per_second"],
            "date_finished": run.environment["date"],
        }
        for run in study.runs
    ]


def write_results_table(study: StudyRecord) -> Path:
    """Write results.csv in the folder of the study, and return its path."""
    path = study.folder / schema.RESULTS_TABLE_FILE
    write_table(path, list_result_rows(study))
    return path
