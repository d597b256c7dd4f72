"""Sizes of the difference between a variant and its reference that a reviewer asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foveal.analysis.common_runs import select_common_runs
from foveal.records import StudyRecord
from foveal.stats import (
    Comparison,
    RemovedErrors,
    WinChance,
    compute_difference_over_sd,
    compute_removed_errors,
    compute_win_chance,
)


@dataclass(frozen=True)
class EffectSizes:
    """Sizes of the difference of one comparison, over the seeds that both variants have.

    `difference_over_sd` is in standard deviations of the reference from seed to seed, `reference_sd` (a
    fraction); both are None if unknown. `removed_errors` is the share of the errors of the reference that the
    variant removes, None if there are none. `win_chance` is the chance that a run of the variant has a higher
    accuracy than one of the reference. The interval of the removed errors has the level of the comparison, and
    is NaN below three seeds; that of the chance has 95 %, and is NaN below five.
    """

    variant: str
    reference: str
    difference_over_sd: float | None
    reference_sd: float | None
    removed_errors: RemovedErrors | None
    win_chance: WinChance


def compute_effect_sizes(cell: StudyRecord, comparison: Comparison) -> EffectSizes:
    """Return the sizes of the difference of one comparison of a cell."""
    values, others = (
        np.array([run.results["test_accuracy"] for run in runs])
        for runs in select_common_runs(cell, comparison)
    )
    sd = float(others.std(ddof=1)) if others.size > 1 else math.nan
    return EffectSizes(
        comparison.variant,
        comparison.reference,
        compute_difference_over_sd(values, others),
        None if math.isnan(sd) else sd,
        compute_removed_errors(
            comparison.difference, comparison.interval, baseline_accuracy=float(others.mean())
        ),
        compute_win_chance(values, others),
    )
