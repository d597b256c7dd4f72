"""Comparison of one variant with the baseline: estimates, intervals, verdict and reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from foveal.stats.mcnemar import McNemarTest
from foveal.stats.variance import VarianceSplit

Verdict = Literal["better", "worse", "equivalent", "undecided"]
MIN_SEEDS: Final = 3
"""Runs per variant without which there is no interval."""


@dataclass(frozen=True)
class Comparison:
    """One variant compared with the baseline; accuracies and differences are fractions of 1, not points.

    `seeds` is the smaller number of runs of the two, and `max_seeds` the larger one. `interval` and
    `equivalence_interval` are the intervals D and E of `foveal.stats.verdict`; both are NaN below three runs.
    `detectable_difference` is the smallest difference that this design detects with power 0.8, and
    `seeds_needed` the seeds per variant that detect a difference as large as the margin.

    If the correctness per image is known: `mcnemar` for one run each, `variance_split` from two on, and from
    three on `bootstrap_standard_error`, over seeds and images together. The latter is not an interval, so
    that only one interval is shown, which is the one that decides.
    """

    variant: str
    seeds: int
    mean: float
    sd: float
    difference: float
    interval: tuple[float, float]
    equivalence_interval: tuple[float, float]
    level: float
    margin: float
    verdict: Verdict
    reason: str
    detectable_difference: float | None = None
    seeds_needed: int | None = None
    mcnemar: McNemarTest | None = None
    variance_split: VarianceSplit | None = None
    bootstrap_standard_error: float | None = None
    planned_seeds: int | None = None
    max_seeds: int = 0

    @property
    def exceeds_planned_seeds(self) -> bool:
        """True if the variant or the baseline has more seeds than the study was planned for."""
        largest = max(self.seeds, self.max_seeds)
        return self.planned_seeds is not None and largest > self.planned_seeds
