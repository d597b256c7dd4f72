"""Runs of a study of foveal, from its records."""

from __future__ import annotations

from pathlib import Path

from foveal.analysis.learning import compute_guessing
from foveal.analysis.run_tables.found_run import FoundRun
from foveal.errors import UsageError
from foveal.records import StudyRecord, read_study
from foveal.records.schema import STUDY_FILE

CELL_SETTING = "cell"
"""Setting with the options in which the cells of a grid differ."""


def is_study(folder: Path) -> bool:
    """Return True if a folder is a study of foveal."""
    return (folder / STUDY_FILE).is_file()


def read_finished_study(folder: Path) -> StudyRecord:
    """Return a study of a fixed number of seeds.

    Raises:
        UsageError: the study is sequential.
    """
    study = read_study(folder)
    if study.design.looks:
        raise UsageError(
            f"{folder} is a sequential study, whose levels belong to its looks: `foveal report {folder}` "
            "has its verdicts."
        )
    return study


def list_study_runs(study: StudyRecord) -> list[FoundRun]:
    """Return the finished runs, with their final test accuracy."""
    return [
        FoundRun(
            f"{run.results['variant']}-seed{run.results['seed']}",
            {
                "variant": run.results["variant"],
                "seed": run.results["seed"],
                CELL_SETTING: study.get_cell(run).label,
            },
            {"test_accuracy": (run.results["test_accuracy"],)},
        )
        for run in study.runs
    ]


def find_guessing(study: StudyRecord) -> tuple[float | None, int | None]:
    """Return accuracy of guessing and number of test images, None if they differ between cells."""
    found = {
        (guessing.accuracy, guessing.test_images)
        for cell in study.split_by_cell()
        if (guessing := compute_guessing(cell)) is not None
    }
    return found.pop() if len(found) == 1 else (None, None)
