"""Runs of any input of `foveal judge`: a table, the export of a tracker, a folder of runs, a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from foveal.analysis.run_tables.files import read_table_file
from foveal.analysis.run_tables.forms import mlflow, study, wandb
from foveal.analysis.run_tables.found_run import FoundRun
from foveal.analysis.run_tables.run_columns import make_run_source
from foveal.analysis.run_tables.run_folder import find_runs
from foveal.analysis.run_tables.run_source import RunSource
from foveal.errors import UsageError
from foveal.stats.judge_design import COLUMN_OPTIONS

_Columns = Mapping[str, Sequence[Any]]
_TABLE_FORMS: Final[
    Sequence[tuple[str, Callable[[_Columns], bool], Callable[[_Columns], list[FoundRun]]]]
] = (
    ("MLflow", mlflow.is_mlflow_table, mlflow.list_mlflow_runs),
    ("Weights & Biases", wandb.is_wandb_table, wandb.list_wandb_runs),
    ("Weights & Biases", wandb.is_wandb_history, wandb.list_wandb_histories),
)


def read_runs(path: Path, options: Mapping[str, Any] | None = None) -> RunSource:
    """Return the runs of a table or a folder, with what was seen.

    Args:
        path: a table, a table that MLflow or Weights & Biases exported, a folder of runs of ultralytics,
            Lightning, Hugging Face or TensorBoard, or a study of foveal.
        options: options of `foveal.stats.judge`. In a folder, `variant_column`, `seed_column` and
            `data_column` name settings and `value_column` a metric; with `allow_best`, the best epoch of each
            run takes the place of the last.

    Raises:
        UsageError: there is nothing to read, or it cannot be told what it is.

    >>> read_runs(Path("gone"))
    Traceback (most recent call last):
    foveal.errors.UsageError: There is no file or folder gone.
    """
    given = dict(options or {})
    names = {name: given.get(name) for name in COLUMN_OPTIONS}
    names |= {name: bool(given.get(name)) for name in ("lower_is_better", "allow_best")}
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.")
    source = _read_folder(path, names) if path.is_dir() else _read_table(path, names)
    return replace(source, given=given)


def _read_table(path: Path, options: dict[str, Any]) -> RunSource:
    """Return the runs of a file; a table that no tracker exported stays as it is."""
    columns = read_table_file(path)
    for form, is_table, list_runs in _TABLE_FORMS:
        if is_table(columns):
            return make_run_source(list_runs(columns), place=path.name, form=form, **options)
    return RunSource(columns, {name: options[name] for name in COLUMN_OPTIONS})


def _read_folder(path: Path, options: dict[str, Any]) -> RunSource:
    """Return the runs of a folder."""
    if study.is_study(path):
        return _read_study(path, options)
    form, runs = find_runs(path)
    return make_run_source(
        runs, place=str(path), form=form.name, preferred=form.preferred, **options
    )


def _read_study(path: Path, options: dict[str, Any]) -> RunSource:
    """Return the runs of a study; each cell of a grid is a data set."""
    record = study.read_finished_study(path)
    if len(record.design.cells) > 1:
        options = {**options, "data_column": options["data_column"] or study.CELL_SETTING}
    source = make_run_source(
        study.list_study_runs(record), place=str(path), form="foveal", **options
    )
    chance, test_images = study.find_guessing(record)
    return replace(source, chance=chance, test_images=test_images)
