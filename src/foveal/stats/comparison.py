"""What one comparison with the baseline found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foveal.stats.mcnemar import McNemar
from foveal.stats.variance import VarianceSplit

Verdict = Literal["better", "worse", "equivalent", "undecided"]
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Comparison:
    """One variant against the baseline; fractions of 1, not points.

    `seeds` are those of the smaller arm and `most_seeds` those of the larger one. `interval` is D's
    and `equivalence_interval` E's; both are NaN below three seeds per arm. `detectable` is the
    smallest difference that this design shows with power 0.8, and `seeds_to_settle` the seeds per
    arm that show a difference as large as the margin.

    Where it is known which images each run got right: `mcnemar` for one run per arm, `split` from
    two on, and from three on `bootstrap`, the standard error over seeds and images together. It is a
    spread and no interval, so that no second one stands beside the one that decides.
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
    detectable: float | None = None
    seeds_to_settle: int | None = None
    mcnemar: McNemar | None = None
    split: VarianceSplit | None = None
    bootstrap: float | None = None
    planned: int | None = None
    most_seeds: int = 0

    @property
    def looked_again(self) -> bool:
        """Whether an arm has more seeds than the study was planned for."""
        return self.planned is not None and max(self.seeds, self.most_seeds) > self.planned
