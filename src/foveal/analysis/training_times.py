"""Training times of the variants: from steps timed in turns, and how far the times of the runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from foveal.records import StudyRecord
from foveal.text_format import join_with_and

MAX_TIME_RATIO: Final = 1.3
"""Ratio of two times of the same training from which they are not called equal."""
_MAX_NAMED: Final = 3


@dataclass(frozen=True)
class TrainingTimes:
    """Training times of one variant in one cell, in seconds, without evaluation.

    `step_seconds` is the median of steps that the study timed before its first run, all variants in turns;
    None in a study without them. `training_seconds` is the training time of a run: its number of steps
    times `step_seconds`, otherwise the median over the runs. `epoch_seconds` is that of an epoch.
    `runs_over_steps` is the median time of the runs divided by `training_seconds`, None without step times.
    `slowest_over_fastest` is the ratio of the slowest and the fastest run, and `step_spread` that of the
    quartiles of the steps, None without them.
    """

    variant: str
    step_seconds: float | None
    training_seconds: float
    epoch_seconds: float
    runs_over_steps: float | None
    slowest_over_fastest: float
    step_spread: float | None

    @property
    def is_steady(self) -> bool:
        """True if the slowest run took less than 1.3 times as long as the fastest."""
        return self.slowest_over_fastest < MAX_TIME_RATIO

    @property
    def agrees_with_steps(self) -> bool:
        """True without step times, or if the times of the runs differ from them by a factor of at most 1.3."""
        ratio = self.runs_over_steps
        return ratio is None or 1 / MAX_TIME_RATIO <= ratio <= MAX_TIME_RATIO


def compute_training_times(cell: StudyRecord) -> dict[str, TrainingTimes]:
    """Return the training times of each variant of a cell that has finished runs."""
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
    return times


def describe_disturbed_times(cell: StudyRecord) -> list[str]:
    """Return a sentence if the steps were timed on a busy machine, or if the runs took longer than they say.

    Without step times, return one if the runs of a variant are not steady. The list is empty otherwise.
    """
    times = list(compute_training_times(cell).values())
    busy = [t.variant for t in times if _were_steps_disturbed(t)]
    if busy:
        return [
            f"The training steps of {join_with_and(busy)} were timed while other programs used the machine: "
            "do not rely on the training times."
        ]
    disturbed = {t.variant: t.runs_over_steps or 1 for t in times if not t.agrees_with_steps}
    if disturbed:
        ratios = _name_largest_ratios(disturbed)
        return [
            f"The runs took {ratios} as long as their training steps, which were measured before the first "
            "run: parallel runs, other programs or another machine. Training times are those of the steps."
        ]
    unsteady = {
        t.variant: t.slowest_over_fastest
        for t in times
        if t.step_seconds is None and not t.is_steady
    }
    if unsteady:
        ratios = _name_largest_ratios(unsteady)
        return [
            f"The slowest run took {ratios} as long as the fastest, and no steps were timed in turns: "
            "do not rely on the training times."
        ]
    return []


def _were_steps_disturbed(times: TrainingTimes) -> bool:
    """Return True if the steps of a variant vary much, or if its runs were faster than they."""
    runs, spread = times.runs_over_steps or 1, times.step_spread or 1
    return runs < 1 / MAX_TIME_RATIO or spread > MAX_TIME_RATIO


def _name_largest_ratios(ratios: dict[str, float]) -> str:
    """Return the ratios that are largest, at most three.

    >>> _name_largest_ratios({"none": 1.5, "cbam": 3.25, "bam": 9.94, "se": 1.4})
    '9.9 (bam), 3.2 (cbam) and 1.5 (none) times'
    """
    largest = sorted(ratios.items(), key=lambda item: -item[1])[:_MAX_NAMED]
    return f"{join_with_and([f'{ratio:.1f} ({variant})' for variant, ratio in largest])} times"
