"""Runs of a table that a tracker exports: a row per run, with its settings and last metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foveal.analysis.run_tables.found_run import FoundRun, to_number
from foveal.stats.table_cells import is_empty


def list_tracker_runs(
    columns: Mapping[str, Sequence[Any]],
    *,
    names: Sequence[Any],
    states: Sequence[Any],
    finished: str,
) -> list[FoundRun]:
    """Return the run of each row. Where a table does not tell settings from metrics, numbers count as both.

    Args:
        columns: settings and metrics.
        names: name of each run.
        states: state of each run.
        finished: state of a run that ended well.
    """
    runs = []
    for row, (name, state) in enumerate(zip(names, states, strict=True)):
        cells = {key: column[row] for key, column in columns.items() if not is_empty(column[row])}
        metrics = {
            key: (number,)
            for key, column in columns.items()
            if (number := to_number(column[row])) is not None
            and not key.startswith(("params.", "tags."))
        }
        settings = {key: cell for key, cell in cells.items() if not key.startswith("metrics.")}
        problem = "" if str(state) == finished else f"state {str(state).lower()}"
        runs.append(FoundRun(str(name), settings, metrics, problem=problem))
    return runs
