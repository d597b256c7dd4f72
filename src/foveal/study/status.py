"""Status of a study, read from its folder by any process. No torch, no data."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from foveal.atomic import get_partial_path
from foveal.records import (
    RunProgress,
    StudyRecord,
    is_complete,
    read_design,
    read_progress,
    read_results,
    read_study,
)
from foveal.study.config import RunConfig
from foveal.study.needed_runs import select_wanted_runs
from foveal.study.run_list import list_runs

_State = Literal["complete", "running", "interrupted", "missing"]


@dataclass(frozen=True)
class RunState:
    """State of a run: the share of its steps that are done, and times in seconds.

    `seconds` is the duration and `accuracy` the test accuracy of a complete run. `seconds_left` is the
    expected time left of a running one, and `progress` its progress file.
    """

    config: RunConfig
    folder: Path
    state: _State
    share: float = 0.0
    seconds: float | None = None
    seconds_left: float | None = None
    accuracy: float | None = None
    progress: RunProgress | None = None


def read_study_states(folder: Path, record: StudyRecord | None = None) -> list[RunState]:
    """Return the state of every run that was requested so far, in a sequential study up to the next looks.

    `record` is that of the study, if it was read before.

    Raises:
        UsageError: `folder` is not a study.
        FovealError: the study is damaged or has another schema.
    """
    design = read_design(folder) if record is None else record.design
    runs = list_runs(design, folder)
    if design.looks:
        runs = select_wanted_runs(runs, record or read_study(folder))
    return [read_run_state(config, run_folder) for config, run_folder in runs]


def read_run_state(config: RunConfig, folder: Path) -> RunState:
    """Return the state of one run."""
    if is_complete(folder):
        try:
            results = read_results(folder)
            seconds, accuracy = float(results["seconds"]), float(results["test_accuracy"])
        except (OSError, ValueError):  # damaged: the next `ablate` quarantines it
            return RunState(config, folder, "missing")
        return RunState(config, folder, "complete", 1.0, seconds, 0.0, accuracy)
    partial = get_partial_path(folder)
    if not partial.exists():
        return RunState(config, folder, "missing")
    progress = read_progress(partial)
    if progress is None:
        return RunState(config, folder, "interrupted")
    state: _State = "running" if progress.is_alive else "interrupted"
    share = progress.step / progress.steps
    return RunState(config, folder, state, share, None, progress.seconds_left, progress=progress)


def count_states(states: Sequence[RunState]) -> dict[str, int]:
    """Return the number of runs in each state."""
    counts = Counter(state.state for state in states)
    return {name: counts[name] for name in get_args(_State)}


def estimate_seconds_left(states: Sequence[RunState]) -> float | None:
    """Return the time until the last run ends, or None if no run has a known duration.

    The duration of a run is the median of the runs of its variant and cell, otherwise of all runs. The runs
    are shared among the processes at work.
    """
    estimates = [
        _estimate_run_seconds_left(state, states) for state in states if state.state != "complete"
    ]
    known = [seconds for seconds in estimates if seconds is not None]
    if len(known) < len(estimates):
        return None
    processes = max(1, sum(state.state == "running" for state in states))
    return sum(known) / processes


def _estimate_run_seconds_left(run: RunState, states: Sequence[RunState]) -> float | None:
    """Return the time left for one run, or None if no run has a known duration."""
    if run.state == "running" and run.seconds_left is not None:
        return run.seconds_left
    key = run.config.key_without_seed
    same_variant = [state for state in states if state.config.key_without_seed == key]
    for group in (same_variant, states):
        durations = [
            seconds for state in group if (seconds := _estimate_duration(state)) is not None
        ]
        if durations:
            return statistics.median(durations) * (1 - run.share)
    return None


def _estimate_duration(run: RunState) -> float | None:
    """Return the duration of a run, measured or extrapolated, or None if it is unknown."""
    if run.seconds is not None:
        return run.seconds
    if run.seconds_left is None or run.share >= 1:
        return None
    return run.seconds_left / (1 - run.share)
