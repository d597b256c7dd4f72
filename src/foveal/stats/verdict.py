"""One interval, one rule, one of four words.

With k variants compared with the baseline and alpha = 0.05, each comparison is made at a = alpha / k:

- D, the difference of means with its Welch interval at level 1 - a: the interval that is shown;
- E, the Welch interval at level 1 - 2a (two one-sided tests at a, Schuirmann 1987), held against
  the margin.

Equivalent if E lies within the margin, else better or worse if D excludes 0, else undecided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from foveal.errors import bad_parameter
from foveal.stats.power import detectable_difference, seeds_needed
from foveal.stats.welch import welch

Verdict = Literal["better", "worse", "equivalent", "undecided"]
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Comparison:
    """One variant against the baseline; fractions of 1, not points.

    `interval` is D's and `equivalence_interval` E's; both are NaN below three seeds per arm.
    `detectable` is the smallest difference that this design shows with power 0.8, and
    `seeds_to_settle` the seeds per arm that show a difference as large as the margin.
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


def points(fraction: float) -> str:
    """Write a difference of accuracies in points.

    >>> points(0.0123)
    '+1.23'
    """
    return f"{100 * fraction:+.2f}"


def decide(
    interval: tuple[float, float], equivalence_interval: tuple[float, float], margin: float
) -> tuple[Verdict, str]:
    """Apply the rule to D's interval and E's, and say why."""
    low, high = interval
    if -margin < equivalence_interval[0] and equivalence_interval[1] < margin:
        real = (
            "a real difference, but smaller than"
            if low > 0 or high < 0
            else "any difference is within"
        )
        return "equivalent", f"{real} the margin of {100 * margin:.2f} points"
    if low > 0:
        small = ", which is under the margin" if low < margin else ""
        return "better", f"by at least {100 * low:.2f} points{small}"
    if high < 0:
        small = ", which is under the margin" if -high < margin else ""
        return "worse", f"by at least {-100 * high:.2f} points{small}"
    return (
        "undecided",
        f"the difference may lie anywhere from {points(low)} to {points(high)} points",
    )


def compare(
    values: Sequence[float],
    baseline: Sequence[float],
    *,
    variant: str = "variant",
    comparisons: int = 1,
    margin: float = 0.005,
    alpha: float = 0.05,
) -> Comparison:
    """Compare one variant's accuracies, a run each, with the baseline's.

    `comparisons` is the number of variants that share the error rate `alpha`.

    >>> cbam = [0.7620, 0.7655, 0.7623, 0.7626, 0.7616]
    >>> none = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637]
    >>> compare(cbam, none, margin=0.003).verdict
    'equivalent'
    """
    if not 0 < margin < 1:
        raise bad_parameter("margin", "between 0 and 1, as a fraction", margin)
    a = alpha / comparisons
    seeds = min(len(values), len(baseline))
    mean = float(np.mean(values))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    difference = mean - float(np.mean(baseline))
    if seeds < FEWEST_SEEDS:
        runs = "one run per arm is" if seeds == 1 else "two runs per arm are"
        return Comparison(
            variant, seeds, mean, sd, difference, (math.nan,) * 2, (math.nan,) * 2, 1 - a, margin,
            "undecided", f"{runs} too few for an interval that means anything",
        )  # fmt: skip
    result = welch(values, baseline)
    interval, within = result.interval(1 - a), result.interval(1 - 2 * a)
    verdict, reason = decide(interval, within, margin)
    pooled = math.sqrt((np.var(values, ddof=1) + np.var(baseline, ddof=1)) / 2)
    detectable = detectable_difference(sd=pooled, seeds=seeds, alpha=a)
    needed = seeds_needed(margin, sd=pooled, alpha=a) if pooled > 0 else FEWEST_SEEDS
    if verdict == "undecided":
        reason += (
            f"; {seeds} seeds per arm can show no difference under {100 * detectable:.2f} points, "
            f"and {needed} would show one of {100 * margin:.2f}"
        )
    return Comparison(
        variant, seeds, mean, sd, difference, interval, within, 1 - a, margin,
        verdict, reason, detectable, needed,
    )  # fmt: skip


def compare_variants(
    accuracies: Mapping[str, Sequence[float]],
    *,
    baseline: str = "none",
    margin: float = 0.005,
    alpha: float = 0.05,
) -> list[Comparison]:
    """Compare every other variant with the baseline.

    All of them share `alpha`, those without a run too: what is still to come must not widen the
    error rate of what is there. Without a run of the baseline nothing can be compared.
    """
    others = [variant for variant in accuracies if variant != baseline]
    if not accuracies.get(baseline):
        return []
    return [
        compare(
            accuracies[variant],
            accuracies[baseline],
            variant=variant,
            comparisons=len(others),
            margin=margin,
            alpha=alpha,
        )
        for variant in others
        if accuracies[variant]
    ]
