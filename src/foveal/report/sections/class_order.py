"""Order of the classes in figures, and the differences by class that several sections use."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from foveal.analysis import ClassDifference, VariantRuns, compare_classes
from foveal.analysis.common_runs import keep_common_seeds
from foveal.report.cell_view import CellView
from foveal.stats import Comparison


def select_common_seeds(
    group: VariantRuns, baseline: VariantRuns
) -> tuple[VariantRuns, VariantRuns]:
    """Return both with the runs of the seeds that both have, like their comparison; all if there are none."""
    runs, others = keep_common_seeds(group.runs, baseline.runs)
    if not runs:
        return group, baseline
    return replace(group, runs=tuple(runs)), replace(baseline, runs=tuple(others))


def compute_class_differences(group: VariantRuns, baseline: VariantRuns) -> npt.NDArray[np.float64]:
    """Return the accuracy of each run in each class minus the mean of the baseline, in points (R, K).

    Only the seeds count that both have.
    """
    group, baseline = select_common_seeds(group, baseline)
    return np.asarray(100 * (group.class_accuracies - baseline.class_accuracies.mean(axis=0)))


def sort_classes(cell: CellView) -> list[int]:
    """Return all classes, those with the highest mean difference over the variants first.

    Classes without test images come last; without a baseline the order is that of the data.
    """
    baseline = cell.baseline
    others = [group for group in cell.compared_groups if group is not baseline]
    if baseline is None or not others:
        return list(range(len(cell.classes)))
    differences = [compute_class_differences(group, baseline).mean(axis=0) for group in others]
    return sort_by_mean(np.mean(differences, axis=0))


def sort_by_mean(means: npt.NDArray[np.float64]) -> list[int]:
    """Return the places of the values from the highest to the lowest, NaN last.

    >>> sort_by_mean(np.array([0.1, math.nan, 0.3, -0.2]))
    [2, 0, 3, 1]
    """
    keys = [math.inf if math.isnan(mean) else -mean for mean in means.tolist()]
    return sorted(range(len(keys)), key=keys.__getitem__)


def list_class_differences(cell: CellView) -> list[tuple[Comparison, list[ClassDifference]]]:
    """Return the differences by class of each variant to the baseline."""
    if cell.study is None:
        return []
    return [
        (group.comparison, compare_classes(cell.study, group.comparison))
        for group in cell.groups
        if group.comparison is not None
    ]
