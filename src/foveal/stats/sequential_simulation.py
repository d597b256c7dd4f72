"""What a sequential design does: shares of verdicts and seeds used, from simulated comparisons."""

from __future__ import annotations

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
    """How simulated comparisons ended, one value per comparison.

    `verdicts` is 1 for better, -1 for worse, 0 for equivalent, and NaN for undecided; `seeds` is the number of
    seeds per variant at which each stopped.
    """

    verdicts: _FloatArray
    seeds: npt.NDArray[np.int64]

    def compute_share(self, verdict: float) -> float:
        """Return the share of comparisons with a verdict: 1 better, -1 worse, 0 equivalent."""
        return float(np.mean(self.verdicts == verdict))


def simulate_sequential_tests(
    design: SequentialDesign,
    *,
    difference: float,
    margin: float,
    sd: float,
    comparisons: int = 2000,
    seed: int = 0,
) -> SequentialOutcomes:
    """Return the outcomes of simulated comparisons with normal values.

    >>> from foveal.stats import plan_looks
    >>> outcomes = simulate_sequential_tests(plan_looks(20), difference=4.0, margin=0.5, sd=1.0)
    >>> outcomes.compute_share(1), bool(outcomes.seeds.mean() < 5)
    (1.0, True)
    """
    require_positive("sd", sd)
    require_positive_int("comparisons", comparisons)
    random = np.random.default_rng(seed)
    shape = (comparisons, design.looks[-1])
    values, baseline = random.normal(difference, sd, shape), random.normal(0.0, sd, shape)
    return apply_design(values, baseline, design=design, margin=margin)


def apply_design(
    values: _FloatArray,
    baseline: _FloatArray,
    *,
    design: SequentialDesign,
    margin: float,
) -> SequentialOutcomes:
    """Apply a design to many comparisons at once: arrays (comparisons, seeds), with seeds up to the last look.

    The same rule as `run_sequential_test`, for arrays whose values differ in every row.
    """
    count = len(values)
    verdicts, stopped_at = np.full(count, np.nan), np.full(count, design.looks[-1], np.int64)
    is_open = np.ones(count, bool)
    for index, seeds in enumerate(design.looks):
        a, b = values[:, :seeds], baseline[:, :seeds]
        difference = a.mean(1) - b.mean(1)
        variances = a.var(1, ddof=1), b.var(1, ddof=1)
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
