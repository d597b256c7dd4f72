"""The record of a study: its design, its runs, what has to be said of it, and one table over all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.records import schema
from foveal.records.design import Cell, Design, read_design
from foveal.records.manifest import is_complete
from foveal.records.quarantine import is_aside
from foveal.records.run import Arrays, RunRecord, read_extras, read_run, write_json, write_table

# Equal on every machine and in every order of running; what is not stands behind them, and says so.
RESULT_COLUMNS = (
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


@dataclass(frozen=True)
class StudyRecord:
    """A study and its finished runs, in the order of its variants, then by seed.

    `notes` are sentences that belong beside any verdict, `extras` what else was asked of each variant.
    `cell` is None for the whole study, and the part of the grid for what `parts` gives.
    """

    folder: Path
    design: Design
    runs: tuple[RunRecord, ...]
    notes: tuple[str, ...] = ()
    cell: Cell | None = None
    extras: Mapping[str, Arrays] = field(default_factory=dict)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in the order in which they were asked for."""
        return self.design.variants

    @property
    def accuracies(self) -> dict[str, list[float]]:
        """Final test accuracy of each finished run, by variant; empty where none is finished."""
        return {
            variant: [run.results["test_accuracy"] for run in self.runs_of(variant)]
            for variant in self.variants
        }

    @property
    def evidence(self) -> dict[str, Any]:
        """What `stats.compare_variants` is to be told, the same for table, figure and page."""
        return {
            "accuracies": self.accuracies,
            "correctness": self.correctness(),
            "margin": self.design.margin / 100,
            "comparisons": self.design.comparisons,
            "planned_seeds": self.design.planned_seeds,
        }

    def correctness(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Return by variant which test image each run got right, (runs, images)."""
        found = {variant: self.runs_of(variant) for variant in self.variants}
        return {
            variant: np.stack([run.predictions["correct"] for run in runs])
            for variant, runs in found.items()
            if runs
        }

    def runs_of(self, variant: str) -> tuple[RunRecord, ...]:
        """Return the finished runs of one variant, by seed."""
        return tuple(run for run in self.runs if run.results["variant"] == variant)

    def parts(self) -> Iterator[StudyRecord]:
        """Yield each cell of the grid as a study of its own; comparisons stay within a cell."""
        for cell in self.design.cells:
            mine = tuple(run for run in self.runs if self.design.cell_of(run.config) == cell)
            yield replace(self, cell=cell, runs=mine)


def read_study(folder: Path) -> StudyRecord:
    """Read a study and every finished run of it; what is not of its design is not counted.

    Raises:
        UsageError: `folder` is no study.
        DamagedError: a file of it is damaged.
    """
    design = read_design(folder)
    paths = [p for p in (folder / schema.RUNS).glob("*") if is_complete(p) and not is_aside(p)]
    placed: dict[tuple[int, int, int], RunRecord] = {}
    for run in (read_run(path) for path in sorted(paths)):
        cell = design.cell_of(run.config)
        if cell is not None:
            variant = design.variants.index(run.config["attention"])
            # A folder that was copied is the same run once more.
            placed.setdefault((design.cells.index(cell), variant, run.config["seed"]), run)
    runs = tuple(placed[place] for place in sorted(placed))
    return StudyRecord(folder, design, runs, read_notes(folder), extras=read_extras(folder))


def list_result_rows(record: StudyRecord) -> list[dict[str, Any]]:
    """Return one row a run: first what every machine agrees on, then times and dates."""
    return [
        {
            **cell_of(record, run).columns,
            **{name: run.results[name] for name in RESULT_COLUMNS},
            "run": run.folder.name,
            "time_seconds": run.results["seconds"],
            "time_images_per_second": run.results["images_per_second"],
            "date_finished": run.environment["date"],
        }
        for run in record.runs
    ]


def cell_of(record: StudyRecord, run: RunRecord) -> Cell:
    """Return the cell of the grid to which a run of the study belongs."""
    return record.design.cell_of(run.config) or Cell()


def write_results_table(study: StudyRecord) -> Path:
    """Write results.csv at the top of the study."""
    path = study.folder / schema.RESULTS_TABLE
    write_table(path, list_result_rows(study))
    return path


def write_notes(folder: Path, notes: Sequence[str]) -> None:
    """Write the sentences that belong beside any verdict of the study."""
    write_json(folder / schema.NOTES, {"schema": schema.SCHEMA, "notes": list(notes)})


def read_notes(folder: Path) -> tuple[str, ...]:
    """Read the sentences that belong beside any verdict; there are none before a run is finished.

    A damaged file has none either: the study writes it anew after each run.
    """
    try:
        return tuple(json.loads((folder / schema.NOTES).read_text())["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
