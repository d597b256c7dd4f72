"""The record of a study: its plan, its runs, and one table over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import UsageError
from foveal.records import schema
from foveal.records.run import RunRecord, is_complete, read_checked_toml, read_run, write_table

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
    "run",
)
STUDY_KEYS = frozenset({"planned_seeds", "variants", "margin"})


@dataclass(frozen=True)
class StudyRecord:
    """The config of a study and its finished runs, in the order of its variants, then by seed."""

    folder: Path
    config: Mapping[str, Any]
    runs: tuple[RunRecord, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in the order in which they were asked for."""
        return tuple(self.config["variants"])

    @property
    def accuracies(self) -> dict[str, list[float]]:
        """Final test accuracy of each finished run, by variant; empty where none is finished."""
        return {
            variant: [run.results["test_accuracy"] for run in self.runs_of(variant)]
            for variant in self.variants
        }

    def runs_of(self, variant: str) -> tuple[RunRecord, ...]:
        """Return the finished runs of one variant, by seed."""
        return tuple(run for run in self.runs if run.results["variant"] == variant)


def read_study(folder: Path) -> StudyRecord:
    """Read a study and every finished run of it.

    Raises:
        UsageError: `folder` is no study.
        FovealError: a file of it is damaged.
    """
    if not (folder / schema.STUDY).is_file():
        raise UsageError(f"{folder} is not a study: it has no {schema.STUDY}.")
    config = read_checked_toml(folder / schema.STUDY, STUDY_KEYS)
    order = {variant: place for place, variant in enumerate(config["variants"])}
    runs = [read_run(path) for path in (folder / schema.RUNS).glob("*") if is_complete(path)]
    mine = [run for run in runs if run.results["variant"] in order]
    mine.sort(key=lambda run: (order[run.results["variant"]], run.results["seed"]))
    return StudyRecord(folder, config, tuple(mine))


def results_rows(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Return one row a run: first what every machine agrees on, then times and dates."""
    return [
        {
            **{name: run.results[name] for name in RESULT_COLUMNS if name != "run"},
            "run": run.folder.name,
            "time_seconds": run.results["seconds"],
            "time_images_per_second": run.results["images_per_second"],
            "date_finished": run.environment["date"],
        }
        for run in runs
    ]


def write_results(study: StudyRecord) -> Path:
    """Write results.csv at the top of the study."""
    path = study.folder / schema.RESULTS_TABLE
    write_table(path, results_rows(study.runs))
    return path
