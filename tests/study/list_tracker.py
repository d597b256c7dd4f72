"""Trackers for tests: one that keeps what it gets in a list, and one that fails."""

from collections.abc import Mapping
from typing import Any

from foveal.study.trackers import LogPlace

LOGGED: list[tuple[str, str, Any]] = []


class ListTracker:
    """Keeps run, kind and content of every call."""

    def __init__(self, place: LogPlace) -> None:
        self.run = place.run

    def log_options(self, options: Mapping[str, Any]) -> None:
        LOGGED.append((self.run, "options", dict(options)))

    def log_values(self, values: Mapping[str, float], step: int) -> None:
        LOGGED.append((self.run, "values", (step, dict(values))))

    def log_text(self, name: str, text: str) -> None:
        LOGGED.append((self.run, "text", text))

    def close(self, *, is_finished: bool) -> None:
        LOGGED.append((self.run, "close", is_finished))


class FailingTracker(ListTracker):
    """Keeps nothing, and fails in the second epoch."""

    def log_options(self, options: Mapping[str, Any]) -> None:
        pass

    def log_text(self, name: str, text: str) -> None:
        pass

    def log_values(self, values: Mapping[str, float], step: int) -> None:
        if step == 2:
            raise ConnectionError("no server\nanswers")

    def close(self, *, is_finished: bool) -> None:
        pass
