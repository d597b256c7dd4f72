"""Effect of an image property on the gain of a variant, and the answer that its interval gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from foveal.analysis.hypotheses.claims import HYPOTHESES
from foveal.analysis.hypotheses.evidence import CellImages, Evidence, FloatArray
from foveal.records import StudyRecord
from foveal.stats import MIN_SEEDS, TwoWaySlope, fit_two_way_slope
from foveal.variant_names import BASELINE

Answer = Literal["supported", "contradicted", "undecided"]

_ALPHA: Final = 0.05
_MIN_SPREAD: Final = 1e-6
"""Smallest spread of the property over the errors of the baseline, as a share of its span, that has a slope."""
CONFIDENCE_LEVEL: Final = 1 - _ALPHA / len(HYPOTHESES)


@dataclass(frozen=True)
class Effect:
    """Change of the gain of a variant from the lower to the upper end of a property.

    Fractions of 1, not points. The intervals are NaN below three seeds. `seeds` and `images` are the numbers
    that the variant shares with the baseline.

    A gain is bounded by what the baseline gets wrong, and it may change only because the baseline's errors
    do. `change_per_error` is therefore the change of the share of these errors that the variant removes, net of
    those that it adds; NaN if the baseline makes hardly any error.
    """

    variant: str
    change: float
    interval: tuple[float, float]
    seeds: int
    images: int
    change_per_error: float = math.nan
    interval_per_error: tuple[float, float] = (math.nan, math.nan)


def compute_effect(evidence: Evidence, variant: str) -> Effect | None:
    """Return the effect on the gain of a variant, or None if no seed is finished in every cell."""
    cells = evidence.cells
    finished = [_list_seeds(cell.study, name) for cell in cells for name in (BASELINE, variant)]
    seeds = sorted(set.intersection(*finished))
    # With one seed only, there is no other network, and nothing is claimed.
    independent = [s for s in seeds if all(cell.has_values_from_other_seeds(s) for cell in cells)]
    seeds = independent or seeds
    if not seeds:
        return None
    both = [_collect_errors(cell, variant, seeds) for cell in cells]
    errors = np.concatenate([baseline_errors for baseline_errors, _ in both], axis=1)
    gains = errors - np.concatenate([variant_errors for _, variant_errors in both], axis=1)
    values = _center_within_groups(cells, seeds)
    images = np.concatenate([cell.indices for cell in cells])
    span = evidence.high - evidence.low
    slope = fit_two_way_slope(gains, values, images=images)
    change, interval = _scale_slope(slope, span)
    effect = Effect(variant, change, interval, len(seeds), slope.images)
    weighted = _center_within_groups(cells, seeds, errors)
    if not np.ptp([0.0, *weighted[errors > 0]]) > _MIN_SPREAD * span:
        return effect
    per_error = fit_two_way_slope(gains, weighted, images=images, errors=errors)
    change, interval = _scale_slope(per_error, span)
    return replace(effect, change_per_error=change, interval_per_error=interval)


def _scale_slope(slope: TwoWaySlope, span: float) -> tuple[float, tuple[float, float]]:
    """Return the change over a span of the property, and its interval, NaN below three seeds."""
    ends = (
        slope.compute_interval(CONFIDENCE_LEVEL)
        if slope.seeds >= MIN_SEEDS
        else (math.nan, math.nan)
    )
    return span * slope.slope, (span * ends[0], span * ends[1])


def _list_seeds(study: StudyRecord, variant: str) -> set[int]:
    """Return the finished seeds of a variant in a cell."""
    return {run.results["seed"] for run in study.get_runs(variant)}


def _collect_errors(
    cell: CellImages, variant: str, seeds: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """Return the errors of the baseline and those of a variant, (S, M) each: 1 for a wrong prediction."""
    errors = []
    for name in (BASELINE, variant):
        runs = {run.results["seed"]: run for run in cell.study.get_runs(name)}
        correct = [runs[seed].predictions["correct"][cell.indices] for seed in seeds]
        errors.append(1 - np.asarray(correct, dtype=np.float64))
    return errors[0], errors[1]


def _center_within_groups(
    cells: Sequence[CellImages], seeds: Sequence[int], weights: FloatArray | None = None
) -> FloatArray:
    """Return the property of all images for each seed, (S, K), minus the mean of its group.

    So groups may differ, and so may the level at which the networks of other seeds measure the property. With
    `weights` (S, K), the means are weighted.
    """
    values = np.concatenate(
        [np.stack([cell.average_other_seeds(seed) for seed in seeds]) for cell in cells], axis=1
    )
    groups = [cell.group for cell in cells for _ in cell.indices]
    for group in dict.fromkeys(groups):
        columns = np.array([each == group for each in groups])
        inside = values[:, columns] - values[:, columns].mean(axis=1, keepdims=True)
        if weights is not None and weights[:, columns].any():
            inside = inside - np.average(inside, weights=weights[:, columns])
        values[:, columns] = inside
    return values


def answer_from_interval(interval: tuple[float, float], sign: int) -> Answer | None:
    """Return the answer to a hypothesis that predicts this sign, or None if the ends are NaN.

    >>> answer_from_interval((-0.03, -0.01), -1)
    'supported'
    """
    low, high = interval
    if math.isnan(low):
        return None
    if low <= 0 <= high:
        return "undecided"
    return "supported" if (low > 0) == (sign > 0) else "contradicted"
