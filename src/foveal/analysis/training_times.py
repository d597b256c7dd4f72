"""Training times of the variants: from steps timed in turns, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from foveal.records import StudyRecord
from foveal.text_format import join_with_and
from foveal.variant_names import BASELINE, has_attention

MAX_TIME_RATIO: Final = 1.3
"""Ratio of two times of the same training from which they are not called equal."""
_MAX_SPEED_UP: Final = 0.1
"""Share of the baseline's step time that a module cannot save: it adds work to every step."""


@dataclass(frozen=True)
class TrainingTimes:
    """Training times of one variant in one cell, in seconds, without evaluation.

    `step_seconds` is the median of steps that the study timed before its first run, all variants in turns;
    None in a study without them. `training_seconds` is the training time of a run: its number of steps
    times `step_seconds`, otherwise the median over the runs. `epoch_seconds` is that of an epoch.
    `runs_over_steps` is the median time of the runs divided by `training_seconds`, None without step times.
    `slowest_over_fastest` is the ratio of the slowest and the fastest run, and `step_spread` that of the
    quartiles of the steps, None without them. `has_reliable_time` is False for all variants of a cell if
    their times contradict one another, see `compute_training_times`.
    """

    variant: str
    step_seconds: float | None
    training_seconds: float
    epoch_seconds: float
    runs_over_steps: float | None
    slowest_over_fastest: float
    step_spread: float | None
    has_reliable_time: bool = True

    @property
    def is_steady(self) -> bool:
        """True if the slowest run took less than 1.3 times as long as the fastest."""
        return self.slowest_over_fastest < MAX_TIME_RATIO


def compute_training_times(cell: StudyRecord) -> dict[str, TrainingTimes]:
    """Return the training times of each variant of a cell that has finished runs.

    The times are unreliable if steps vary by a factor of 1.3, if runs were faster than their steps by it, or if
    the runs of one variant took a multiple of their steps that differs by it from that of another. A multiple
    above 1 that all variants share is fine: two runs at once on two cores take longer than a step that is
    timed alone. Attention that makes training faster by more than 10 % is a sign of unreliable times too, and
    without step times so are runs that are not steady.
    """
    steps = {each.variant: each for each in cell.step_times}
    times = {}
    for variant in cell.variants:
        runs = cell.get_runs(variant)
        if not runs:
            continue
        run_seconds = np.array([float(run.metrics["time_seconds"].sum()) for run in runs])
        epochs = len(runs[0].metrics["time_seconds"])
        median = float(np.median(run_seconds))
        step = steps.get(variant)
        training = step.step_seconds * step.steps_per_epoch * epochs if step else median
        times[variant] = TrainingTimes(
            variant,
            step.step_seconds if step else None,
            training,
            training / epochs,
            median / training if step else None,
            float(run_seconds.max() / run_seconds.min()),
            step.quartiles[1] / step.quartiles[0] if step else None,
        )
    is_reliable = _are_consistent(times) and not _list_unsteady_variants(list(times.values()))
    return {name: replace(each, has_reliable_time=is_reliable) for name, each in times.items()}


def has_reliable_times(cell: StudyRecord) -> bool:
    """Return True if the training times of a cell can be compared."""
    return all(each.has_reliable_time for each in compute_training_times(cell).values())


def _are_consistent(times: dict[str, TrainingTimes]) -> bool:
    """Return True if runs and steps of the variants agree, and no attention makes training much faster."""
    ratios = [each.runs_over_steps for each in times.values() if each.runs_over_steps is not None]
    spreads = [each.step_spread for each in times.values() if each.step_spread is not None]
    if max(spreads, default=1.0) > MAX_TIME_RATIO:
        return False
    if ratios and MAX_TIME_RATIO * min(ratios) < max(1.0, *ratios):
        return False
    baseline = times.get(BASELINE)
    return baseline is None or not any(
        each.epoch_seconds < (1 - _MAX_SPEED_UP) * baseline.epoch_seconds
        for each in times.values()
        if has_attention(each.variant)
    )


def _list_unsteady_variants(times: Sequence[TrainingTimes]) -> list[TrainingTimes]:
    """Return the variants without step times whose runs are not steady."""
    return [each for each in times if each.step_seconds is None and not each.is_steady]


def describe_disturbed_times(cell: StudyRecord) -> list[str]:
    """Return a sentence if the times are unreliable; the list is empty otherwise."""
    times = list(compute_training_times(cell).values())
    if all(each.has_reliable_time for each in times):
        return []
    unsteady = _list_unsteady_variants(times)
    if unsteady:
        ratios = [f"{each.slowest_over_fastest:.1f} ({each.variant})" for each in unsteady]
        return [
            f"Do not trust the times: the slowest run took {join_with_and(ratios)} times as long as the "
            "fastest, and no steps were timed in turns."
        ]
    return [
        "Do not trust the times: something else used the machine while they were measured. Time it again with "
        "nothing else running."
    ]
