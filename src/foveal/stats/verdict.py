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
from dataclasses import replace

import numpy as np

from foveal.errors import bad_parameter
from foveal.stats.comparison import FEWEST_SEEDS, Comparison, Verdict
from foveal.stats.correctness import BoolArray
from foveal.stats.equivalence import equivalence
from foveal.stats.image_uncertainty import beside, check_runs
from foveal.stats.power import MOST_SEEDS, detectable_difference, seeds_needed

# The share of studies without any difference that show one to whoever looks after each seed from 3 to
# 20 at level 5 %; measured by `python benchmarks/calibration.py`.
FALSE_ALARMS_LOOKING_AGAIN = 0.21


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
    correct: BoolArray | None = None,
    baseline_correct: BoolArray | None = None,
    generator: np.random.Generator | None = None,
    planned: int | None = None,
) -> Comparison:
    """Compare one variant's accuracies, a run each, with the baseline's.

    `comparisons` is the number of variants that share the error rate `alpha`. `correct` and
    `baseline_correct` say which of the same images each run got right, (runs, images); given both,
    the doubt that comes from the images stands beside the verdict and does not move it. `generator`
    resamples them, by default the same way each time. `planned` is the number of seeds per arm that
    the study was planned for.

    >>> cbam = [0.7620, 0.7655, 0.7623, 0.7626, 0.7616]
    >>> none = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637]
    >>> compare(cbam, none, margin=0.003).verdict
    'equivalent'
    """
    if not 0 < margin < 1:
        raise bad_parameter("margin", "between 0 and 1, as a fraction", margin)
    if comparisons < 1:
        raise bad_parameter("comparisons", "at least 1", comparisons)
    by_runs = weigh if min(len(values), len(baseline)) >= FEWEST_SEEDS else leave_open
    found = by_runs(values, baseline, variant=variant, margin=margin, alpha=alpha / comparisons)
    if correct is not None and baseline_correct is not None:
        check_runs("correct", correct, len(values))
        check_runs("baseline_correct", baseline_correct, len(baseline))
        found = beside(found, correct, baseline_correct, generator or np.random.default_rng(0))
    most = max(len(values), len(baseline))
    return mark(replace(found, planned=planned, most_seeds=most))


def leave_open(
    values: Sequence[float], baseline: Sequence[float], *, variant: str, margin: float, alpha: float
) -> Comparison:
    """Say that one or two runs in an arm decide nothing."""
    seeds = min(len(values), len(baseline))
    if seeds == 0:
        raise bad_parameter("values, baseline", "at least one run each", (values, baseline))
    where = "per arm" if len(values) == len(baseline) else "in one of the arms"
    reason = (
        f"one run {where}: this says nothing about the method"
        if seeds == 1
        else f"two runs {where} are too few for an interval that means anything"
    )
    mean = float(np.mean(values))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    nothing = math.nan, math.nan
    return Comparison(
        variant, seeds, mean, sd, mean - float(np.mean(baseline)), nothing, nothing, 1 - alpha, margin,
        "undecided", reason,
    )  # fmt: skip


def weigh(
    values: Sequence[float], baseline: Sequence[float], *, variant: str, margin: float, alpha: float
) -> Comparison:
    """Decide by the intervals of at least three runs per arm."""
    seeds = min(len(values), len(baseline))
    tests = equivalence(values, baseline, margin=margin, alpha=alpha)
    interval = tests.welch.interval(1 - alpha)
    verdict, reason = decide(interval, tests.interval, margin)
    pooled = math.sqrt((np.var(values, ddof=1) + np.var(baseline, ddof=1)) / 2)
    detectable = detectable_difference(sd=pooled, seeds=seeds, alpha=alpha)
    needed = seeds_needed(margin, sd=pooled, alpha=alpha)
    if verdict == "undecided":
        how_many = f"{needed}" if needed < MOST_SEEDS else f"{MOST_SEEDS} or more"
        seen = f"a difference of {100 * detectable:.2f} points in 4 of 5 studies"
        reason += f"; {seeds} seeds per arm show {seen}"
        if needed > seeds:
            reason += f", and {how_many} would show one of {100 * margin:.2f}"
    return Comparison(
        variant, seeds, float(np.mean(values)), float(np.std(values, ddof=1)),
        tests.welch.difference, interval, tests.interval, 1 - alpha, margin,
        verdict, reason, detectable, needed,
    )  # fmt: skip


def mark(comparison: Comparison) -> Comparison:
    """Say, where seeds were added to a study, what that does to false alarms."""
    if not comparison.looked_again:
        return comparison
    seeds = "seed" if comparison.planned == 1 else "seeds"
    clause = f"planned for {comparison.planned} {seeds} and shown at {comparison.most_seeds}"
    if comparison.seeds < FEWEST_SEEDS:  # nothing is claimed that could be false
        return replace(comparison, reason=f"{comparison.reason}; {clause}")
    clause += (
        ": adding seeds until something shows raises the rate of false alarms, from 5 % to as much as "
        f"{100 * FALSE_ALARMS_LOOKING_AGAIN:.0f} % for one who looks after each seed from 3 to 20"
    )
    return replace(comparison, reason=f"{comparison.reason}; {clause}")


def compare_variants(
    accuracies: Mapping[str, Sequence[float]],
    *,
    baseline: str = "none",
    margin: float = 0.005,
    alpha: float = 0.05,
    correctness: Mapping[str, BoolArray] | None = None,
    generator: np.random.Generator | None = None,
    planned: int | None = None,
    comparisons: int | None = None,
) -> list[Comparison]:
    """Compare every other variant with the baseline.

    All of them share `alpha`, those without a run too: what is still to come must not widen the
    error rate of what is there; `comparisons` says otherwise how many do. Without a run of the
    baseline nothing can be compared. `correctness` has an array (runs, images) for each variant that
    it is known of; without a `generator` no variant's interval hangs on which others there are.
    """
    others = [variant for variant in accuracies if variant != baseline]
    if not accuracies.get(baseline):
        return []
    known = correctness or {}
    return [
        compare(
            accuracies[variant],
            accuracies[baseline],
            variant=variant,
            comparisons=len(others) if comparisons is None else comparisons,
            margin=margin,
            alpha=alpha,
            correct=known.get(variant),
            baseline_correct=known.get(baseline),
            generator=generator,
            planned=planned,
        )
        for variant in others
        if accuracies[variant]
    ]
