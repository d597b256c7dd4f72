"""Tables of runs of MLflow: the download of its page, and a frame of `mlflow.search_runs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.analysis.run_tables.found_run import FoundRun
from foveal.analysis.run_tables.tracker_rows import list_tracker_runs

_PAGE_COLUMNS: Final = (
    "Start Time",
    "Duration",
    "Run ID",
    "Name",
    "Source Type",
    "Source Name",
    "User",
    "Status",
)
_FRAME_COLUMNS: Final = (
    "run_id",
    "experiment_id",
    "status",
    "artifact_uri",
    "start_time",
    "end_time",
)


def is_mlflow_table(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Return True for the columns of either form."""
    return set(_PAGE_COLUMNS) <= columns.keys() or set(_FRAME_COLUMNS) <= columns.keys()


def list_mlflow_runs(columns: Mapping[str, Sequence[Any]]) -> list[FoundRun]:
    """Return the runs of the table; only those with status FINISHED are finished."""
    if set(_PAGE_COLUMNS) <= columns.keys():
        names, status = columns["Name"], columns["Status"]
    else:
        names = columns.get("tags.mlflow.runName", columns["run_id"])
        status = columns["status"]
    kept = {
        name: column
        for name, column in columns.items()
        if name not in (*_PAGE_COLUMNS, *_FRAME_COLUMNS)
        and not name.startswith(("tags.mlflow.", "mlflow."))
    }
    return list_tracker_runs(kept, names=names, states=status, finished="FINISHED")
