"""Differences of the accuracy in each class, with intervals that hold for all classes together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.analysis.common_runs import select_common_runs
from foveal.analysis.variant_runs import normalize_rows
from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison, compute_simultaneous_intervals
from foveal.text_format import replace_unprintable


@dataclass(frozen=True)
class ClassDifference:
    """Difference of the mean accuracy in one class, a fraction; NaN without test images of the class.

    The intervals of all classes and all comparisons of a study hold together in 95 % of studies; they are NaN
    below three seeds.
    """

    name: str
    test_images: int
    difference: float
    interval: tuple[float, float]

    @property
    def is_shown(self) -> bool:
        """True if the interval excludes 0: the seeds show a difference in this class."""
        low, high = self.interval
        return not math.isnan(low) and (low > 0 or high < 0)


def compare_classes(cell: StudyRecord, comparison: Comparison) -> list[ClassDifference]:
    """Return the difference in each class between the variant and the reference of a comparison.

    The error rate of the comparison, 5 % / comparisons, is shared by the classes.
    """
    runs, others = select_common_runs(cell, comparison)
    names = [replace_unprintable(name) for name in runs[0].results["classes"]]
    test_images = np.asarray(runs[0].predictions["confusion"]).sum(axis=1).tolist()
    values, other_values = _get_class_accuracies(runs), _get_class_accuracies(others)
    intervals = compute_simultaneous_intervals(
        values, other_values, level=comparison.level, test_images=test_images
    )
    differences = values.mean(axis=0) - other_values.mean(axis=0)
    return [
        ClassDifference(*row)
        for row in zip(names, test_images, differences.tolist(), intervals, strict=True)
    ]


def _get_class_accuracies(runs: list[RunRecord]) -> npt.NDArray[np.float64]:
    """Return the accuracy of each run in each class, (R, K); NaN for a class without test images."""
    return np.stack([np.diag(normalize_rows(run.predictions["confusion"])) for run in runs])
