"""How the gain of a variant changes with a property of the images, and what its interval answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from foveal.analysis.hypotheses.claims import HYPOTHESES
from foveal.analysis.hypotheses.evidence import Evidence, FloatArray, Place
from foveal.records import StudyRecord
from foveal.stats import MIN_SEEDS, fit_two_way_slope
from foveal.variant_names import BASELINE

Answer = Literal["supported", "contradicted", "undecided"]

ALPHA = 0.05
LEVEL = 1 - ALPHA / len(HYPOTHESES)


@dataclass(frozen=True)
class Effect:
    """How the gain of a variant changes from the lower to the upper end of the property.

    Fractions of 1, not points; the interval is NaN below three seeds. `seeds` and `images` count what the
    variant shares with `none`.
    """

    variant: str
    change: float
    interval: tuple[float, float]
    seeds: int
    images: int


def effect_of(evidence: Evidence, variant: str) -> Effect | None:
    """Return how the gain of a variant changes; None as long as no seed is finished everywhere."""
    places = evidence.places
    finished = [seeds_of(place.part, v) for place in places for v in (BASELINE, variant)]
    seeds = sorted(set.intersection(*finished))
    if not seeds:
        return None
    gains = np.concatenate([gains_of(place, variant, seeds) for place in places], axis=1)
    images = np.concatenate([place.rows for place in places])
    slope = fit_two_way_slope(gains, within_groups(places), images=images)
    span = evidence.high - evidence.low
    ends = slope.compute_interval(LEVEL) if len(seeds) >= MIN_SEEDS else (math.nan, math.nan)
    return Effect(
        variant, span * slope.slope, (span * ends[0], span * ends[1]), len(seeds), slope.images
    )


def seeds_of(part: StudyRecord, variant: str) -> set[int]:
    """Return the seeds of a variant that are finished in a cell."""
    return {run.results["seed"] for run in part.runs_of(variant)}


def gains_of(place: Place, variant: str, seeds: Sequence[int]) -> FloatArray:
    """Return the gain of each image by seed, (S, M): 1, 0 or -1."""
    arms = []
    for name in (variant, BASELINE):
        runs = {run.results["seed"]: run for run in place.part.runs_of(name)}
        arms.append(np.stack([runs[seed].predictions["correct"][place.rows] for seed in seeds]))
    right, baseline_right = np.asarray(arms, dtype=np.float64)
    return np.asarray(right - baseline_right)


def within_groups(places: Sequence[Place]) -> FloatArray:
    """Return the property of all images less the mean of their group: what groups differ in drops out."""
    groups = {place.group: [p.values for p in places if p.group == place.group] for place in places}
    means = {group: np.concatenate(values).mean() for group, values in groups.items()}
    return np.concatenate([place.values - means[place.group] for place in places])


def answer_of(effect: Effect, sign: int) -> Answer | None:
    """Return what the interval says of a change with that sign; None below three seeds.

    >>> answer_of(Effect("spatial", -0.02, (-0.03, -0.01), 5, 1000), -1)
    'supported'
    """
    low, high = effect.interval
    if effect.seeds < MIN_SEEDS:
        return None
    if low <= 0 <= high:
        return "undecided"
    return "supported" if (low > 0) == (sign > 0) else "contradicted"
