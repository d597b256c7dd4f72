"""Signs of failed learning in the records of a study: accuracies and runs at guessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison, find_low_outliers, is_at_guessing
from foveal.text_format import format_percent, join_with_and

_MIN_RUNS = 3


@dataclass(frozen=True)
class Guessing:
    """Accuracy of naming the largest class for every image of a test set, and the number of its images."""

    accuracy: float
    test_images: int


def compute_guessing(cell: StudyRecord) -> Guessing | None:
    """Return what guessing reaches on the test set of a cell, or None if no finished run has its labels."""
    if not cell.runs or "labels" not in cell.runs[0].predictions:
        return None
    labels = cell.runs[0].predictions["labels"]
    largest = int(np.bincount(np.asarray(labels, dtype=np.int64)).max())
    return Guessing(largest / len(labels), len(labels))


def describe_failed_learning(comparisons: Sequence[Comparison]) -> str:
    """Return a sentence that names the comparisons in which nothing was learned; empty if there are none.

    It belongs before all numbers: they say nothing about attention.
    """
    failed = [each for each in comparisons if each.has_learned_nothing]
    if not failed:
        return ""
    share = f"{format_percent(failed[0].guessing_accuracy or 0, 1)} %"
    if len(failed) == len(comparisons):
        return f"Undecided: no variant is better than guessing, which reaches {share}."
    pairs = join_with_and([f"{each.variant} minus {each.reference}" for each in failed])
    return f"Undecided for {pairs}: neither is better than guessing, which reaches {share}."


def has_one_predicted_class(run: RunRecord) -> bool:
    """Return True if a run names the same class for every test image."""
    return int(np.ptp(run.predictions["predicted"].astype(np.int64))) == 0


def find_failed_runs(cell: StudyRecord) -> list[RunRecord]:
    """Return the runs at guessing that are far below the other runs of their variant.

    Far below is more than five median absolute deviations below the median of at least three runs; at
    guessing is within three standard errors of it, or with one predicted class. Such a run counts in every
    number as any other: leaving it out would be a choice by result.
    """
    guessing = compute_guessing(cell)
    if guessing is None:
        return []
    failed: list[RunRecord] = []
    for variant in cell.variants:
        runs = cell.get_runs(variant)
        if len(runs) < _MIN_RUNS:
            continue
        accuracies = np.array([run.results["test_accuracy"] for run in runs])
        suspects = find_low_outliers(accuracies) & _find_runs_at_guessing(runs, guessing)
        failed += [run for run, is_suspect in zip(runs, suspects, strict=True) if is_suspect]
    return failed


def _find_runs_at_guessing(
    runs: tuple[RunRecord, ...], guessing: Guessing
) -> npt.NDArray[np.bool_]:
    """Return True for each run at guessing or with one predicted class."""
    at_guessing = is_at_guessing(
        [run.results["test_accuracy"] for run in runs],
        guessing_accuracy=guessing.accuracy,
        test_images=guessing.test_images,
    )
    return np.asarray(at_guessing | [has_one_predicted_class(run) for run in runs])
