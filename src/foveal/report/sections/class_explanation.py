"""Explanation of the differences by class: the largest ones, and those whose interval is off zero."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from foveal.analysis import ClassDifference, VariantRuns
from foveal.report.cell_view import CellView
from foveal.report.sections.class_order import list_class_differences
from foveal.text_format import format_rounded_points, join_first
from foveal.variant_names import BASELINE

_MAX_NAMED: Final = 4
_MAX_CLASSES_IN_LIST: Final = 6
_MIN_CHANGE: Final = 1.0
"""Change in points from which the largest ones are named."""


def explain_classes(
    cell: CellView, groups: Sequence[VariantRuns], means: Any, shown_classes: int
) -> str:
    """Return what the marks are, the largest changes, and which intervals are off zero.

    Args:
        cell: the cell.
        groups: the compared variants.
        means: mean difference of each variant in each class, in points, (variants, K).
        shown_classes: number of classes that the panels show.
    """
    names = cell.classes
    marks = "Filled: mean; circles: seeds. " if cell.has_several_seeds else ""
    marks += "Classes are in the order of their mean difference over all variants, highest first. "
    half = shown_classes // 2
    cut = (
        f"Of {len(names)} classes the {half} with the highest and the lowest difference are shown. "
        if len(names) > shown_classes
        else ""
    )
    differences = {
        (comparison.variant, each.name): each
        for comparison, classes in list_class_differences(cell)
        for each in classes
    }
    images = round(cell.test_images / len(names))
    return (
        f"Accuracy on each class, minus that of `{BASELINE}`, in points. {marks}{cut}A class has about "
        f"{images:,} test images. {_name_largest(names, groups, means, differences)}"
        f"{_count_intervals(differences)}{_name_unrecognized_classes(cell)}"
    )


def _name_largest(
    names: Sequence[str],
    groups: Sequence[VariantRuns],
    means: Any,
    differences: Mapping[tuple[str, str], ClassDifference],
) -> str:
    """Return the largest rise and fall with their intervals; empty if all changes are small."""
    extremes = []
    for sign, word in ((1, "gain"), (-1, "loss")):
        variant, label = np.unravel_index(int(np.nanargmax(sign * means)), means.shape)
        value = float(means[variant, label])
        if sign * value >= _MIN_CHANGE:
            key = groups[int(variant)].variant, names[int(label)]
            change = _format_change(key, value / 100, differences.get(key))
            extremes.append(f"largest {word}: {change}")
    text = "; ".join(extremes)
    return f"{text[0].upper()}{text[1:]}. " if text else ""


def _format_change(
    key: tuple[str, str], difference: float, compared: ClassDifference | None
) -> str:
    """Return variant and class with their difference and its interval."""
    variant, name = key
    text = f"`{variant}` on {name} ({format_rounded_points(difference, 1)}"
    if compared is None or math.isnan(compared.interval[0]):
        return f"{text})"
    contains = "" if compared.is_shown else ", which contains 0"
    return f"{text}, interval {format_class_interval(compared)}{contains})"


def format_class_interval(compared: ClassDifference) -> str:
    """Return the interval of a class in points, as far as differences of accuracies can reach."""
    low, high = compared.interval
    bounds = max(low, -1.0), min(high, 1.0)
    return " to ".join(format_rounded_points(bound, 1) for bound in bounds)


def _count_intervals(differences: Mapping[tuple[str, str], ClassDifference]) -> str:
    """Return how many intervals are off zero, with their variants and classes, and how many are not."""
    intervals = {key: each for key, each in differences.items() if not math.isnan(each.interval[0])}
    if not intervals:
        return "There is no verdict per class."
    count = len(intervals)
    scope = f"The intervals are wide enough to hold for all {count} differences together."
    off_zero = [
        _format_change(key, each.difference, each)
        for key, each in intervals.items()
        if each.is_shown
    ]
    if not off_zero:
        return f"{scope} Each contains 0, so no class shows a difference."
    named = join_first(off_zero, _MAX_NAMED)
    subject = "One is" if len(off_zero) == 1 else f"{len(off_zero)} are"
    others = count - len(off_zero)
    rest = (
        f" The other {others} contain 0: large changes among them may be chance." if others else ""
    )
    return f"{scope} {subject} off 0: {named}.{rest}"


def _name_unrecognized_classes(cell: CellView) -> str:
    """Return the classes of which no run of a variant recognizes an image; empty without any."""
    parts = []
    for group in cell.groups:
        is_zero = (group.class_accuracies == 0).all(axis=0)
        names = [name for name, zero in zip(cell.classes, is_zero, strict=True) if zero]
        if names:
            parts.append(f"`{group.variant}` {join_first(names, _MAX_CLASSES_IN_LIST)}")
    return f" Never recognized (0 % with every seed): {'; '.join(parts)}." if parts else ""
