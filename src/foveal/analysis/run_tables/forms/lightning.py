"""Runs of Lightning's CSVLogger: `metrics.csv` beside `hparams.yaml`."""

from __future__ import annotations

from pathlib import Path

from foveal.analysis.run_tables.csv_rows import read_csv_rows
from foveal.analysis.run_tables.found_run import (
    FoundRun,
    collect_curves,
    describe_epochs,
    find_planned_epochs,
)
from foveal.analysis.run_tables.yaml_settings import read_hyperparameters


def is_lightning_run(folder: Path) -> bool:
    """Return True if a folder has the files of the CSVLogger."""
    return (folder / "metrics.csv").is_file()


def read_lightning_run(folder: Path, name: str) -> FoundRun:
    """Return the run of a folder. It is finished if it was tested, or after all planned epochs."""
    settings = read_hyperparameters(folder)
    curves = collect_curves(read_csv_rows(folder / "metrics.csv"))
    steps = curves.pop("step", [])
    epochs = curves.pop("epoch", [])
    length = max(epochs) if epochs else max(steps, default=None)
    planned = find_planned_epochs(settings)
    is_tested = any(metric.startswith("test") for metric in curves)
    if planned is not None and epochs and not is_tested and max(epochs) + 1 < planned:
        return FoundRun(name, settings, curves, length, describe_epochs(max(epochs) + 1, planned))
    return FoundRun(name, settings, curves, length)
