"""Sentence on other test images: what they would add to the uncertainty of the differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from foveal.stats import Comparison, VarianceSplit
from foveal.text_format import format_percent, join_with_and
from foveal.variant_names import BASELINE

_MIN_SHOWN_ERROR: Final = 0.00005
"""Standard error that is more than 0.00 points when it is printed, as a fraction."""


def describe_other_test_images(comparisons: Sequence[Comparison], test_images: int) -> str:
    """Return what the intervals are about, and what other test images would add; empty without intervals.

    It names the comparisons in which they are half of the variance or more.
    """
    splits = {
        each.variant: each.variance_split
        for each in comparisons
        if each.reference == BASELINE
        and each.detectable_difference is not None
        and each.variance_split is not None
        and not math.isnan(each.variance_split.seed_error)
    }
    if not splits:
        return ""
    scope = f"The intervals are about other seeds on the same {test_images:,} test images."
    errors = [split.image_error for split in splits.values()]
    if max(errors) < _MIN_SHOWN_ERROR:
        return scope
    added = (
        f"{scope} Other test images add a standard error of up to {format_percent(max(errors))} points, "
        "which the intervals leave out."
    )
    names = [
        f"{variant} ({format_percent(split.image_error)} points from images, "
        f"{format_percent(split.seed_error)} from seeds)"
        for variant, split in splits.items()
        if _is_half_due_to_images(split)
    ]
    if not names:
        return added
    return f"{added} The choice of images matters at least as much as that of seeds for {join_with_and(names)}."


def _is_half_due_to_images(split: VarianceSplit) -> bool:
    """Return True if at least half of the variance for other seeds and images is due to the images."""
    return split.image_error > 0 and split.image_error >= split.seed_error
