"""How far a study is, from its folder alone: no torch, no data, from any process."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foveal.records import get_partial_path, is_complete, read_design, read_progress
from foveal.records.run import read_results
from foveal.study.config import RunConfig
from foveal.study.design import list_runs

State = Literal["complete", "running", "interrupted", "missing"]


@dataclass(frozen=True)
class RunState:
    """One run of a study: `share` of its steps is done, which took `seconds` if it is complete."""

    config: RunConfig
    folder: Path
    state: State
    share: float = 0.0
    seconds: float | None = None
    seconds_left: float | None = None


def read_study_states(folder: Path) -> list[RunState]:
    """Return the state of every run that a study has been asked for.

    Raises:
        UsageError: `folder` is no study.
    """
    return [read_run_state(config, path) for config, path in list_runs(read_design(folder), folder)]


def read_run_state(config: RunConfig, folder: Path) -> RunState:
    """Return the state of one run."""
    if is_complete(folder):
        try:
            seconds = float(read_results(folder)["seconds"])
        except (OSError, ValueError):  # damaged: the next `ablate` sets it aside
            return RunState(config, folder, "missing")
        return RunState(config, folder, "complete", 1.0, seconds, 0.0)
    aside = get_partial_path(folder)
    if not aside.exists():
        return RunState(config, folder, "missing")
    progress = read_progress(aside)
    if progress is None:
        return RunState(config, folder, "interrupted")
    state: State = "running" if progress.is_alive else "interrupted"
    share = progress.step / progress.steps
    return RunState(config, folder, state, share, None, progress.seconds_left)


def count_states(states: Sequence[RunState]) -> dict[str, int]:
    """Return how many runs are in each state."""
    found = Counter(state.state for state in states)
    return {name: found[name] for name in ("complete", "running", "interrupted", "missing")}


def estimate_seconds_left(states: Sequence[RunState]) -> float | None:
    """Return the time until the last run is done, None as long as nothing is known.

    What a run takes is the median of its variant's complete ones, else what a running one of its
    variant foretells, else the median of all; they share the processes that are at work.
    """
    left = [estimate(state, states) for state in states if state.state != "complete"]
    if any(seconds is None for seconds in left):
        return None
    at_work = max(1, sum(state.state == "running" for state in states))
    return sum(seconds for seconds in left if seconds is not None) / at_work


def estimate(run: RunState, states: Sequence[RunState]) -> float | None:
    """Return the time that is left for one run."""
    if run.state == "running" and run.seconds_left is not None:
        return run.seconds_left
    like = [
        other for other in states if config_key_without_seed(other) == config_key_without_seed(run)
    ]
    for others in (like, states):
        known = [whole for other in others if (whole := whole_seconds(other)) is not None]
        if known:
            return statistics.median(known) * (1 - run.share)
    return None


def config_key_without_seed(run: RunState) -> str:
    """Return what the runs of one variant in one setting share."""
    return run.config.model_copy(update={"seed": 0}).key


def whole_seconds(run: RunState) -> float | None:
    """Return what a run takes from its first step to its last, as far as it tells."""
    if run.seconds is not None:
        return run.seconds
    if run.seconds_left is None or run.share >= 1:
        return None
    return run.seconds_left / (1 - run.share)
