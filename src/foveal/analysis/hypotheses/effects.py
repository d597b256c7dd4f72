"""Effect of an image property on the gain of a variant, and the answer that its interval gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from foveal.analysis.hypotheses.claims import HYPOTHESES
from foveal.analysis.hypotheses.evidence import CellImages, Evidence, FloatArray
from foveal.records import StudyRecord
from foveal.stats import MIN_SEEDS, fit_two_way_slope
from foveal.variant_names import BASELINE

Answer = Literal["supported", "contradicted", "undecided"]

_ALPHA: Final = 0.05
CONFIDENCE_LEVEL: Final = 1 - _ALPHA / len(HYPOTHESES)


@dataclass(frozen=True)
class Effect:
    """Change of the gain of a variant from the lower to the upper end of a property.

    Fractions of 1, not points. The interval is NaN below three seeds. `seeds` and `images` are the numbers
    that the variant shares with the baseline.
    """

    variant: str
    change: float
    interval: tuple[float, float]
    seeds: int
    images: int


def compute_effect(evidence: Evidence, variant: str) -> Effect | None:
    """Return the effect on the gain of a variant, or None if no seed is finished in every cell."""
    cells = evidence.cells
    finished = [_list_seeds(cell.study, name) for cell in cells for name in (BASELINE, variant)]
    seeds = sorted(set.intersection(*finished))
    if not seeds:
        return None
    gains = np.concatenate([_compute_gains(cell, variant, seeds) for cell in cells], axis=1)
    indices = np.concatenate([cell.indices for cell in cells])
    slope = fit_two_way_slope(gains, _center_within_groups(cells), images=indices)
    span = evidence.high - evidence.low
    ends = (
        slope.compute_interval(CONFIDENCE_LEVEL)
        if len(seeds) >= MIN_SEEDS
        else (math.nan, math.nan)
    )
    return Effect(
        variant, span * slope.slope, (span * ends[0], span * ends[1]), len(seeds), slope.images
    )


def _list_seeds(study: StudyRecord, variant: str) -> set[int]:
    """Return the finished seeds of a variant in a cell."""
    return {run.results["seed"] for run in study.get_runs(variant)}


def _compute_gains(cell: CellImages, variant: str, seeds: Sequence[int]) -> FloatArray:
    """Return the gain over the baseline of each image and seed, (S, M): 1, 0 or -1."""
    correct = []
    for name in (variant, BASELINE):
        runs = {run.results["seed"]: run for run in cell.study.get_runs(name)}
        correct.append(
            np.stack([runs[seed].predictions["correct"][cell.indices] for seed in seeds])
        )
    variant_correct, baseline_correct = np.asarray(correct, dtype=np.float64)
    return np.asarray(variant_correct - baseline_correct)


def _center_within_groups(cells: Sequence[CellImages]) -> FloatArray:
    """Return the property of all images minus the mean of their group, so that groups may differ."""
    groups: dict[object, list[FloatArray]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell.values)
    means = {group: np.concatenate(values).mean() for group, values in groups.items()}
    return np.concatenate([cell.values - means[cell.group] for cell in cells])


def answer_from_interval(effect: Effect, sign: int) -> Answer | None:
    """Return the answer to a hypothesis that predicts this sign, or None below three seeds.

    >>> answer_from_interval(Effect("spatial", -0.02, (-0.03, -0.01), 5, 1000), -1)
    'supported'
    """
    low, high = effect.interval
    if effect.seeds < MIN_SEEDS:
        return None
    if low <= 0 <= high:
        return "undecided"
    return "supported" if (low > 0) == (sign > 0) else "contradicted"
