"""Exports of Weights & Biases: the table of runs, and the history in a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.analysis.run_tables.found_run import FoundRun, to_number
from foveal.analysis.run_tables.tracker_rows import list_tracker_runs

_TABLE_COLUMNS: Final = ("Name", "State", "Notes", "User", "Tags", "Created", "Runtime", "Sweep")
_AGENT: Final = "Agent"
_BOUNDS: Final = ("__MIN", "__MAX")
_SEPARATOR: Final = " - "


def is_wandb_table(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Return True for the columns of the table of runs, of which a page may hide some."""
    return {"Name", "State", "Created"} <= columns.keys()


def list_wandb_runs(columns: Mapping[str, Sequence[Any]]) -> list[FoundRun]:
    """Return the runs of the table; only those with state finished are finished."""
    others = {*_TABLE_COLUMNS, _AGENT}
    kept = {name: column for name, column in columns.items() if name not in others}
    return list_tracker_runs(
        kept, names=columns["Name"], states=columns["State"], finished="finished"
    )


def is_wandb_history(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Return True for the columns of a chart: `RUN - METRIC`, with `__MIN` and `__MAX`."""
    return any(
        name.endswith(_BOUNDS[0])
        and _SEPARATOR in name
        and name.removesuffix(_BOUNDS[0]) in columns
        for name in columns
    )


def list_wandb_histories(columns: Mapping[str, Sequence[Any]]) -> list[FoundRun]:
    """Return the runs of a chart, each with its curve."""
    steps = next(iter(columns.values()))
    curves: dict[str, dict[str, list[float]]] = {}
    lengths: dict[str, float | None] = {}
    for name, column in columns.items():
        if name.endswith(_BOUNDS) or _SEPARATOR not in name:
            continue
        run, _, metric = name.rpartition(_SEPARATOR)
        points = [
            (step, number)
            for step, cell in zip(steps, column, strict=True)
            if (number := to_number(cell)) is not None
        ]
        curves.setdefault(run, {})[metric] = [number for _, number in points]
        lengths[run] = to_number(points[-1][0]) if points else None
    return [
        FoundRun(run, {}, metrics, lengths[run], "" if any(metrics.values()) else "no values")
        for run, metrics in curves.items()
    ]
