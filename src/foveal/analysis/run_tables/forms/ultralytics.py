"""Runs of ultralytics: `results.csv` beside `args.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from foveal.analysis.run_tables.csv_rows import read_csv_rows
from foveal.analysis.run_tables.found_run import (
    FoundRun,
    UnreadableRunError,
    collect_curves,
    describe_epochs,
    to_number,
)
from foveal.analysis.run_tables.yaml_settings import read_yaml_settings

OUTCOMES: Final = (
    "metrics/mAP50-95(M)",
    "metrics/mAP50-95(P)",
    "metrics/mAP50-95(B)",
    "metrics/accuracy_top1",
    "metrics/mIoU",
)
"""Outcomes of the tasks of ultralytics, first that of masks and poses, which have boxes as well."""


def is_ultralytics_run(folder: Path) -> bool:
    """Return True if a folder has the files of ultralytics."""
    return (folder / "args.yaml").is_file()


def read_ultralytics_run(folder: Path, name: str) -> FoundRun:
    """Return the run of a folder. It is finished after all epochs, or if it had no patience left."""
    settings = read_yaml_settings(folder / "args.yaml")
    if not (folder / "results.csv").is_file():
        return FoundRun(name, settings, problem="no results.csv")
    curves = collect_curves(read_csv_rows(folder / "results.csv"))
    epochs = curves.pop("epoch", [])
    if not epochs:
        raise UnreadableRunError("results.csv has no epochs")
    planned, done = to_number(settings.get("epochs")), epochs[-1]
    is_timed = settings.get("time") is not None  # `time` replaces the number of epochs
    is_short = planned is not None and done < planned and not is_timed
    if planned is not None and is_short and not _has_no_patience(settings, curves, epochs):
        return FoundRun(name, settings, curves, done, describe_epochs(done, planned))
    return FoundRun(name, settings, curves, done)


def _has_no_patience(
    settings: Mapping[str, Any], curves: Mapping[str, Sequence[float]], epochs: Sequence[float]
) -> bool:
    """Return True if the best epoch was so long ago that ultralytics stopped the run."""
    patience = to_number(settings.get("patience"))
    names = [name for name in curves if "mAP50-95" in name or "accuracy_top" in name]
    if not patience or not names:
        return False
    fitness = [sum(values) for values in zip(*(curves[name] for name in names), strict=False)]
    best = max(range(len(fitness)), key=fitness.__getitem__)
    return epochs[-1] - epochs[best] >= patience
