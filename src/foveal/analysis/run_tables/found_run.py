"""A run of another program, as its files describe it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foveal.errors import UsageError, unknown_name
from foveal.stats.table_cells import is_empty, list_names

EPOCH_SETTINGS: Final = ("epochs", "max_epochs", "num_epochs", "n_epochs", "num_train_epochs")


class UnreadableRunError(UsageError):
    """A run whose files cannot be read; the message says why, without the name of the run."""


@dataclass(frozen=True)
class FoundRun:
    """Run of another program.

    Attributes:
        name: path below the folder, with slashes, or the name in the tracker.
        settings: options that it was trained with, by name.
        metrics: values of each metric in the order of epochs; a single one where only the last is known.
        length: last epoch or step, if known; comparable between runs of one form.
        problem: reason for which it does not count, such as "7 of 10 epochs"; empty for a finished run.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)
    length: float | None = None
    problem: str = ""


def find_setting(settings: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return the first setting with one of the names, also below others, as in `params.seed`; None without any.

    >>> find_setting({"params.Seed": 3, "lr": 0.1}, ["random_seed", "seed"])
    'params.Seed'
    """
    by_name = {key.rpartition(".")[2].lower(): key for key in reversed(list(settings))}
    return next((by_name[name] for name in names if name in by_name), None)


def list_required_settings(runs: Sequence[FoundRun], name: str) -> list[str]:
    """Return the setting of each run that the user names, as text.

    Raises:
        UsageError: a run has no such setting.
    """
    missing = [run.name for run in runs if name not in run.settings]
    if len(missing) == len(runs):
        raise unknown_name(
            "setting", name, dict.fromkeys(key for run in runs for key in run.settings)
        )
    if missing:
        raise UsageError(f"These runs have no setting {name!r}: {list_names(missing)}.")
    return [str(run.settings[name]) for run in runs]


def find_planned_epochs(settings: Mapping[str, Any]) -> float | None:
    """Return the number of epochs that the settings ask for; None if they do not say."""
    name = find_setting(settings, EPOCH_SETTINGS)
    planned = to_number(settings[name]) if name is not None else None
    return planned if planned is not None and planned > 0 else None


def describe_epochs(done: float, planned: float) -> str:
    """Return the problem of a run with fewer epochs than planned.

    >>> describe_epochs(7, 10)
    '7 of 10 epochs'
    """
    return f"{done:g} of {planned:g} epochs"


def to_number(cell: Any) -> float | None:
    """Return the number of a cell, which may be NaN or infinite; None for an empty cell, text and logicals.

    >>> to_number("0.5"), to_number("nan"), to_number(""), to_number("adam"), to_number(True)
    (0.5, nan, None, None, None)
    """
    if isinstance(cell, bool) or (isinstance(cell, str) and is_empty(cell)):
        return None
    if isinstance(cell, str):
        cell = cell.removeprefix("'")  # MLflow puts it before a minus sign, against formulas
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def collect_curves(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the numbers of each column in the order of the rows; rows may lack columns.

    >>> collect_curves([{"epoch": "1", "acc": ""}, {"epoch": "2", "acc": "0.5"}])
    {'epoch': [1.0, 2.0], 'acc': [0.5]}
    """
    curves: dict[str, list[float]] = {}
    for row in rows:
        for name, cell in row.items():
            number = to_number(cell)
            if number is not None:
                curves.setdefault(name, []).append(number)
    return curves


def find_last(curve: Sequence[float] | None) -> float | None:
    """Return the last number of a curve; None if it has none, or NaN."""
    return curve[-1] if curve and not math.isnan(curve[-1]) else None
