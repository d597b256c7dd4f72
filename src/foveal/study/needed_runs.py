"""Runs that a sequential study needs next, given its finished runs."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.atomic import get_partial_path
from foveal.records import StudyRecord
from foveal.study.config import config_to_dict
from foveal.study.run_list import PlannedRun


def select_wanted_runs(runs: Sequence[PlannedRun], record: StudyRecord) -> list[PlannedRun]:
    """Return the runs that are needed for the next looks, were begun, or are finished."""
    needed = {run.folder for run in select_needed_runs(runs, record)}
    return [
        run
        for run in runs
        if run.folder in needed or run.folder.exists() or get_partial_path(run.folder).exists()
    ]


def select_needed_runs(runs: Sequence[PlannedRun], record: StudyRecord) -> list[PlannedRun]:
    """Return the runs that an open comparison needs for its next look, finished ones included.

    In a study that is not sequential, all runs are needed.
    """
    from foveal.analysis import (
        count_seeds_needed,  # slow to import, and not needed to show `--help`
    )

    design = record.design
    if not design.looks:
        return list(runs)
    needed = {
        cell.label: count_seeds_needed(study)
        for study in record.split_by_cell()
        if (cell := study.cell)
    }
    return [
        run
        for run in runs
        if (cell := design.find_cell(config_to_dict(run.config))) is not None
        and run.config.seed - design.first_seed < needed[cell.label][run.config.attention]
    ]
