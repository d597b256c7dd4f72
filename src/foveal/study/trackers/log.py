"""Protocol of trackers, their names, and a log that no failing tracker can stop."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from foveal.errors import unknown_name
from foveal.optional_imports import suggest_install

TRACKERS: Final = {
    "tensorboard": ("foveal.study.trackers.tensorboard_tracker", "TensorBoardTracker"),
    "mlflow": ("foveal.study.trackers.mlflow_tracker", "MLflowTracker"),
}
"""Module and class of each tracker."""


@dataclass(frozen=True)
class LogPlace:
    """Place of a log: the folder of trackers that write files, the experiment, and the name of the run."""

    folder: Path
    experiment: str
    run: str


class Tracker(Protocol):
    """Log of one run, or of the verdicts of a study; its class is called with a `LogPlace`."""

    def log_options(self, options: Mapping[str, Any]) -> None:
        """Log the options of a run."""

    def log_values(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers by name, for an epoch or another step."""

    def log_text(self, name: str, text: str) -> None:
        """Log a text in Markdown."""

    def close(self, *, is_finished: bool) -> None:
        """Write what is left; a run that is not finished may be continued."""


def parse_trackers(text: str) -> tuple[str, ...]:
    """Return the names of trackers separated by commas, all of them installed.

    Raises:
        UsageError: there is no such tracker.
        MissingPackageError: the library of a tracker is not installed.
    """
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("tracker", name, TRACKERS)
        _import_tracker(name)
    return names


def _import_tracker(name: str) -> Any:
    """Return the class of a tracker."""
    module, attribute = TRACKERS[name]
    with suggest_install(f"foveal[{name}]"):
        return getattr(importlib.import_module(module), attribute)


@contextmanager
def _silence_warnings() -> Iterator[None]:
    """Ignore warnings of a library about its own code, which nobody who trains can change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class SafeLog:
    """Trackers of one log. One that raises is left out, and `warnings` names it in one line."""

    def __init__(self, names: Sequence[str], place: LogPlace) -> None:
        self.warnings: list[str] = []
        self._trackers: dict[str, Tracker] = {}
        for name in names:
            try:
                with _silence_warnings():
                    self._trackers[name] = _import_tracker(name)(place)
            except Exception as error:  # a library of others may raise anything
                self._leave_out(name, error)

    @property
    def working(self) -> tuple[str, ...]:
        """Names of the trackers that have not failed."""
        return tuple(self._trackers)

    def log_options(self, options: Mapping[str, Any]) -> None:
        """Log the options of a run."""
        self._call("log_options", options)

    def log_values(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers by name."""
        self._call("log_values", values, step)

    def log_text(self, name: str, text: str) -> None:
        """Log a text in Markdown."""
        self._call("log_text", name, text)

    def close(self, *, is_finished: bool) -> None:
        """Close all trackers."""
        self._call("close", is_finished=is_finished)
        self._trackers.clear()

    def _call(self, method: str, *arguments: Any, **options: Any) -> None:
        """Call a method of each tracker."""
        for name, tracker in list(self._trackers.items()):
            try:
                with _silence_warnings():
                    getattr(tracker, method)(*arguments, **options)
            except Exception as error:
                del self._trackers[name]
                self._leave_out(name, error)

    def _leave_out(self, name: str, error: Exception) -> None:
        """Add the warning about a tracker that failed."""
        cause = " ".join(str(error).split()) or type(error).__name__
        self.warnings.append(f"Logging to {name} stopped, training goes on ({cause[:200]}).")
