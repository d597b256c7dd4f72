"""Log of one training run: options, curves and final values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from foveal.study.config import RunConfig, config_to_dict
from foveal.study.progress import Progress
from foveal.study.trackers.log import LogPlace, SafeLog
from foveal.training import EpochMetrics

LOG_FOLDER: Final = "tensorboard"
"""Folder of trackers that write files, in the folder of a study or next to a single run."""
_NO_RESULTS: Final = frozenset({"seed", "epochs"})


def place_study_run(folder: Path) -> LogPlace:
    """Return the place of the log of a run of a study, whose folder is STUDY/runs/RUN."""
    study = folder.parents[1]
    return LogPlace(study / LOG_FOLDER, study.resolve().name, folder.name)


def place_run(folder: Path) -> LogPlace:
    """Return the place of the log of a single run: next to its folder, which no other file may enter."""
    return LogPlace(folder.parent / LOG_FOLDER, "foveal", folder.name)


class RunLog(Progress):
    """Progress of a run that is passed on to trackers, and to another observer."""

    def __init__(
        self, trackers: Sequence[str], place: LogPlace, progress: Progress | None = None
    ) -> None:
        self._trackers, self._place = trackers, place
        self._progress = progress or Progress()
        self._log = SafeLog((), place)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._log.close(is_finished=kind is None)

    @property
    def warnings(self) -> list[str]:
        """A line for each tracker that failed."""
        return self._log.warnings

    def on_run_start(self, config: RunConfig) -> None:
        """Open the trackers and log the options."""
        self._progress.on_run_start(config)
        self._log = SafeLog(self._trackers, self._place)
        self._log.log_options(config_to_dict(config))

    def on_step(self, step: int, steps: int) -> None:
        """Pass on a step."""
        self._progress.on_step(step, steps)

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Log the metrics of an epoch."""
        self._progress.on_epoch(metrics)
        values = asdict(metrics)
        self._log.log_values(values, int(values.pop("epoch")))

    def on_run_end(self, config: RunConfig) -> None:
        """Pass on the end of the training."""
        self._progress.on_run_end(config)

    def log_results(self, results: Mapping[str, Any]) -> None:
        """Log the final values of a run."""
        values = {
            f"final/{name}": float(value)
            for name, value in results.items()
            if isinstance(value, int | float) and name not in _NO_RESULTS
        }
        self._log.log_values(values, int(results["epochs"]))
