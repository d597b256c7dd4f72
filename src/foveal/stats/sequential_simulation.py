"""Simulation of sequential designs: verdicts of many studies and the seeds that they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from foveal.stats.sequential import (
    FIRST_CHANCE,
    MIN_CHANCE_OF_VERDICT,
    SequentialDesign,
    compute_chance_of_verdict,
)
from foveal.validation import require_positive, require_positive_int

_FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SequentialOutcomes:
    """Ends of simulated comparisons, in arrays of any shape with one value per comparison.

    `verdicts` is 1 for better, -1 for worse, 0 for equivalent, and NaN for undecided; `seeds` is the number of
    seeds per variant at which each stopped.
    """

    verdicts: _FloatArray
    seeds: npt.NDArray[np.int64]

    def compute_share(self, verdict: float) -> float:
        """Return the share of comparisons with a verdict: 1 better, -1 worse, 0 equivalent."""
        return float(np.mean(self.verdicts == verdict))


def simulate_sequential_studies(
    design: SequentialDesign,
    *,
    difference: float,
    margin: float,
    sd: float,
    baseline_sd: float | None = None,
    variants: int = 1,
    studies: int = 2000,
    seed: int | Sequence[int] = 0,
) -> SequentialOutcomes:
    """Return the outcomes of simulated studies with normal values, in arrays (studies, variants).

    Args:
        design: looks and levels of one comparison.
        difference: true difference of every variant from the baseline, which all of a study share.
        margin: largest difference that counts as equivalent.
        sd: standard deviation of the variants from seed to seed.
        baseline_sd: that of the baseline, by default the same.
        variants: number of variants of a study.
        studies: number of studies.
        seed: seed or seeds of the generator.

    >>> from foveal.stats import plan_looks
    >>> outcomes = simulate_sequential_studies(plan_looks(20), difference=4.0, margin=0.5, sd=1.0)
    >>> outcomes.compute_share(1), bool(outcomes.seeds.mean() < 5)
    (1.0, True)
    """
    require_positive("sd", sd)
    require_positive_int("studies", studies)
    random = np.random.default_rng(seed)
    shape = (studies, variants, design.max_seeds)
    values = random.normal(difference, sd, shape)
    baseline = random.normal(0.0, baseline_sd or sd, (studies, 1, design.max_seeds))
    return apply_design(values, np.broadcast_to(baseline, shape), design=design, margin=margin)


def apply_design(
    values: _FloatArray,
    baseline: _FloatArray,
    *,
    design: SequentialDesign,
    margin: float,
) -> SequentialOutcomes:
    """Apply a design to many comparisons at once: arrays (..., seeds), with seeds up to the last look.

    The same rule as `run_sequential_test`, for arrays whose values differ in every row.
    """
    shape = values.shape[:-1]
    verdicts, stopped_at = np.full(shape, np.nan), np.full(shape, design.max_seeds, np.int64)
    is_open = np.ones(shape, bool)
    for index, seeds in enumerate(design.looks):
        a, b = values[..., :seeds], baseline[..., :seeds]
        difference = a.mean(-1) - b.mean(-1)
        variances = a.var(-1, ddof=1), b.var(-1, ddof=1)
        total = variances[0] + variances[1]
        degrees_of_freedom = (seeds - 1) * total**2 / (variances[0] ** 2 + variances[1] ** 2)
        error = np.sqrt(total / seeds)
        half_width = stdtrit(degrees_of_freedom, 1 - design.difference_levels[index] / 2) * error
        inner = stdtrit(degrees_of_freedom, 1 - design.equivalence_levels[index]) * error
        is_equivalent = np.abs(difference) + inner < margin
        verdict = np.where(np.abs(difference) > half_width, np.sign(difference), np.nan)
        verdict = np.where(is_equivalent, 0.0, verdict)
        stops = is_open & ~np.isnan(verdict)
        verdicts[stops] = verdict[stops]
        if design.stops_when_unlikely and seeds >= FIRST_CHANCE and index < len(design.looks) - 1:
            chance = compute_chance_of_verdict(
                difference, np.sqrt(total / 2), design=design, look=index, margin=margin
            )
            stops |= is_open & (chance < MIN_CHANCE_OF_VERDICT)
        stopped_at[stops] = seeds
        is_open &= ~stops
    return SequentialOutcomes(verdicts, stopped_at)
