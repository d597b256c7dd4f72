"""Columns of the runs of another program: variant, seed, final outcome and data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from foveal.analysis.run_tables.found_run import FoundRun, list_required_settings
from foveal.analysis.run_tables.outcome_choice import choose_outcome
from foveal.analysis.run_tables.run_identity import RunIdentities, identify_runs
from foveal.analysis.run_tables.run_source import RunSource
from foveal.analysis.run_tables.setting_differences import (
    find_different_lengths,
    find_setting_differences,
)
from foveal.errors import UsageError
from foveal.stats.run_table import is_best_name
from foveal.stats.value_checks import Suspicion
from foveal.text_format import format_count, join_first

_MAX_NAMED: Final = 3


def make_run_source(
    runs: Sequence[FoundRun],
    *,
    place: str,
    form: str,
    preferred: Sequence[str] = (),
    variant_column: str | None = None,
    seed_column: str | None = None,
    value_column: str | None = None,
    data_column: str | None = None,
    lower_is_better: bool = False,
    allow_best: bool = False,
) -> RunSource:
    """Return the columns of runs. Runs that are not finished are left out, and a suspicion names them.

    Args:
        runs: the runs.
        place: the folder or the table, for sentences.
        form: name of the program, for sentences.
        preferred: metrics to choose first.
        variant_column: setting that is the variant; guessed by default.
        seed_column: setting that is the seed; guessed by default.
        value_column: metric; guessed by default.
        data_column: setting that is the data set.
        lower_is_better: True for losses and errors.
        allow_best: take the best epoch of each run in place of the last.

    Raises:
        UsageError: no run is finished, or variant, metric or data set cannot be told.
    """
    finished = [run for run in runs if not run.problem]
    if not finished:
        raise UsageError(
            f"None of the {len(runs)} runs of {form} in {place} is finished: {_list_problems(runs)}."
        )
    outcome = choose_outcome(
        finished, value_column=value_column, preferred=preferred, lower_is_better=lower_is_better
    )
    counted = [run for run in finished if run.metrics.get(outcome)]
    omitted = [run for run in runs if run.problem] + [
        FoundRun(run.name, problem=f"no {outcome}") for run in finished if run not in counted
    ]
    suspicions = []
    if omitted:
        count = f"{len(omitted)} of {format_count(len(runs), 'run')}"
        text = (
            f"Left out: {count}, {_list_problems(omitted)}. Train the rest of them: a verdict without runs "
            "that failed is a choice by result."
        )
        suspicions.append(Suspicion("unfinished runs", text))
    takes_best = allow_best and any(len(run.metrics[outcome]) > 1 for run in counted)
    name = f"best {outcome}" if takes_best and not is_best_name(outcome) else outcome
    identities = identify_runs(counted, variant_setting=variant_column, seed_setting=seed_column)
    columns: dict[str, list[Any]] = {"variant": list(identities.variants)}
    if identities.seeds is not None:
        columns["seed"] = list(identities.seeds)
    columns[name] = [
        _find_value(run, outcome, takes_best=takes_best, lower_is_better=lower_is_better)
        for run in counted
    ]
    if data_column is not None:
        columns["data"] = list_required_settings(counted, data_column)
    suspicions += [*identities.suspicions, *_find_differences(counted, identities, columns)]
    which = "of the best epoch" if takes_best else "of the last epoch"
    is_curve = any(len(run.metrics[outcome]) > 1 for run in counted)
    notes = (
        f"{place} has {format_count(len(runs), 'run')} of {form}.",
        *identities.notes,
        f"The outcome is {outcome!r}{f' {which}' if is_curve else ''}; --value-column names another.",
    )
    column_names = {
        "variant_column": "variant",
        "seed_column": "seed" if identities.seeds is not None else None,
        "value_column": name,
        "data_column": "data" if data_column is not None else None,
    }
    return RunSource(columns, column_names, notes, tuple(suspicions))


def _find_value(run: FoundRun, outcome: str, *, takes_best: bool, lower_is_better: bool) -> float:
    """Return the last value of a run, or its best one."""
    curve = run.metrics[outcome]
    if not math.isfinite(curve[-1]):
        raise UsageError(
            f"The run {run.name!r} ends with {curve[-1]} in {outcome!r}. Train it again, or remove it if the "
            "failure was not its result."
        )
    if not takes_best:
        return curve[-1]
    finite = [value for value in curve if math.isfinite(value)]
    return min(finite) if lower_is_better else max(finite)


def _find_differences(
    runs: Sequence[FoundRun], identities: RunIdentities, columns: dict[str, list[Any]]
) -> list[Suspicion]:
    """Return the suspicions about settings and lengths within each data set."""
    data = columns.get("data", [""] * len(runs))
    suspicions = []
    for name in dict.fromkeys(data):
        rows = [row for row, each in enumerate(data) if each == name]
        group = [runs[row] for row in rows]
        variants = [identities.variants[row] for row in rows]
        found = find_setting_differences(
            group, variants, variant_setting=identities.variant_setting
        )
        found += find_different_lengths(group, variants) if not found else []
        prefix = f"{name}: " if name else ""
        suspicions += [Suspicion(each.kind, prefix + each.text) for each in found]
    return suspicions


def _list_problems(runs: Sequence[FoundRun]) -> str:
    """Return the first runs with their problems and the number of the others."""
    return join_first([f"{run.name} ({run.problem})" for run in runs], _MAX_NAMED)
