"""Comparison of one variant with the baseline or a control: estimates, intervals, verdict and reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from foveal.stats.decision import Verdict
from foveal.stats.mcnemar import McNemarTest
from foveal.stats.outcome_unit import POINTS, OutcomeUnit
from foveal.stats.sequential import SequentialResult
from foveal.stats.spread import SpreadRatio
from foveal.stats.variance import VarianceSplit
from foveal.text_format import ABSENT_VALUE, format_level, use_minus_signs
from foveal.text_tables import Table, render_html

MIN_SEEDS: Final = 3
"""Runs per variant without which there is no interval."""


@dataclass(frozen=True)
class Comparison:
    """One variant compared with a reference; accuracies and differences are fractions of 1, not points.

    `reference` is the baseline, or a control of the variant. All numbers are about the same `seeds` runs of
    both; `omitted_runs` and `omitted_reference_runs` are the numbers of finished runs that only one of them
    has. `interval` and `equivalence_interval` are the intervals D and E of `foveal.stats.verdict`; both are
    NaN without an interval, and then the numbers from `seed_sd` to `spread_ratio` are None.

    `seed_sd` is the root mean square of both standard deviations, `detectable_difference` the smallest
    difference that this design detects with power 0.8, and `seeds_needed` the seeds per variant that detect a
    difference as large as the margin, with a 90 % interval, because the standard deviation is an estimate.
    `spread_ratio` is the ratio of the standard deviations, None if one is 0.

    `is_at_guessing` and `is_reference_at_guessing` are True if the accuracy is not better than guessing,
    whose accuracy is `guessing_accuracy`.

    `sequential` has the looks of a sequential design; the numbers are those of its last look, and
    `detectable_difference` and `seeds_needed` those of a study without looks.

    `unit` is how differences are shown. Outcomes that are no accuracies are judged in their own unit, with a
    negative sign where lower is better, and `margin` is 0 where there is none.

    If the correctness per image is known: `mcnemar` for one run each, `variance_split` from two on.
    """

    variant: str
    reference: str
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
    seed_sd: float | None = None
    detectable_difference: float | None = None
    seeds_needed: int | None = None
    seeds_needed_interval: tuple[int, int] | None = None
    spread_ratio: SpreadRatio | None = None
    mcnemar: McNemarTest | None = None
    variance_split: VarianceSplit | None = None
    sequential: SequentialResult | None = None
    guessing_accuracy: float | None = None
    is_at_guessing: bool = False
    is_reference_at_guessing: bool = False
    planned_seeds: int | None = None
    omitted_runs: int = 0
    omitted_reference_runs: int = 0
    unit: OutcomeUnit = POINTS

    @property
    def has_learned_nothing(self) -> bool:
        """True if neither the variant nor the reference is better than guessing."""
        return self.is_at_guessing and self.is_reference_at_guessing

    @property
    def deciding_interval(self) -> tuple[float, float]:
        """The interval on which the verdict rests: E if it is equivalent, otherwise D."""
        return self.equivalence_interval if self.verdict == "equivalent" else self.interval

    def _repr_html_(self) -> str:
        """Return verdict, difference, interval and reason for a notebook."""
        interval, heading = ABSENT_VALUE, "interval"
        if not math.isnan(self.interval[0]):
            interval = use_minus_signs(" to ".join(self.unit.format_ends(self.interval)))
            heading = f"{format_level(self.level)} interval"
        difference = use_minus_signs(self.unit.format_signed(self.difference) + self.unit.suffix)
        reason = use_minus_signs(self.reason)
        table = Table(
            f"{self.variant} compared with {self.reference}",
            ("verdict", "seeds", "difference", heading),
            ((self.verdict, str(self.seeds), difference, interval),),
            f"{reason[0].upper()}{reason[1:]}.",
        )
        return render_html(table)

    @property
    def exceeds_planned_seeds(self) -> bool:
        """True if the verdict is about more seeds than the study was planned for."""
        return self.planned_seeds is not None and self.seeds > self.planned_seeds
