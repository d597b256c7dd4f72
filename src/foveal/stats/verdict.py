"""Verdict of a comparison with the baseline: one interval, one rule, one of four words.

With k variants compared with the baseline and alpha = 0.05, each comparison is made at a = alpha / k:

- D: the difference of means with its Welch interval at level 1 - a, which is shown;
- E: the Welch interval at level 1 - 2a (two one-sided tests at a, Schuirmann 1987), which is compared
  with the margin.

The verdict is equivalent if E is within the margin; otherwise better or worse if D excludes 0;
otherwise undecided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from foveal.errors import bad_parameter
from foveal.stats.comparison import MIN_SEEDS, Comparison, Verdict
from foveal.stats.correctness import BoolArray
from foveal.stats.equivalence import run_equivalence_test
from foveal.stats.image_uncertainty import add_image_uncertainty, require_run_count
from foveal.stats.power import (
    MAX_SEEDS_NEEDED,
    compute_detectable_difference,
    compute_seeds_needed,
)
from foveal.variant_names import BASELINE

# Rate of studies without a difference that show one if the result is checked after each seed from
# 3 to 20 at level 5 %; measured by `python benchmarks/calibration.py`.
REPEATED_LOOKS_ERROR_RATE: Final = 0.21


def format_signed_points(fraction: float) -> str:
    """Return a difference of accuracies in points, with a sign.

    >>> format_signed_points(0.0123)
    '+1.23'
    """
    return f"{100 * fraction:+.2f}"


def choose_verdict(
    interval: tuple[float, float], equivalence_interval: tuple[float, float], margin: float
) -> tuple[Verdict, str]:
    """Return the verdict for the intervals D and E, and its reason."""
    low, high = interval
    if -margin < equivalence_interval[0] and equivalence_interval[1] < margin:
        size = (
            "a real difference, but smaller than"
            if low > 0 or high < 0
            else "any difference is within"
        )
        return "equivalent", f"{size} the margin of {100 * margin:.2f} points"
    if low > 0:
        note = ", which is under the margin" if low < margin else ""
        return "better", f"by at least {100 * low:.2f} points{note}"
    if high < 0:
        note = ", which is under the margin" if -high < margin else ""
        return "worse", f"by at least {-100 * high:.2f} points{note}"
    ends = f"{format_signed_points(low)} to {format_signed_points(high)}"
    return "undecided", f"the difference may be anywhere from {ends} points"


def compare_accuracies(
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
    planned_seeds: int | None = None,
) -> Comparison:
    """Compare the accuracies of a variant, one per run, with those of the baseline.

    Args:
        values: accuracies of the variant, fractions of 1.
        baseline: accuracies of the baseline.
        variant: name of the variant.
        comparisons: number of variants that share the error rate `alpha`.
        margin: largest difference that counts as equivalent.
        alpha: error rate of all comparisons together.
        correct: correctness (runs, images) of the variant. With `baseline_correct` on the same images, the
            test-set uncertainty is added; it does not change the verdict.
        baseline_correct: correctness of the baseline.
        generator: source of the resampled images, by default with a fixed seed.
        planned_seeds: seeds per variant that the study was planned for.

    >>> cbam = [0.7620, 0.7655, 0.7623, 0.7626, 0.7616]
    >>> none = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637]
    >>> compare_accuracies(cbam, none, margin=0.003).verdict
    'equivalent'
    """
    if not 0 < margin < 1:
        raise bad_parameter("margin", "between 0 and 1, as a fraction", margin)
    if comparisons < 1:
        raise bad_parameter("comparisons", "at least 1", comparisons)
    has_intervals = min(len(values), len(baseline)) >= MIN_SEEDS
    make_comparison = _decide_verdict if has_intervals else _make_too_few_runs_comparison
    comparison = make_comparison(
        values, baseline, variant=variant, margin=margin, alpha=alpha / comparisons
    )
    if correct is not None and baseline_correct is not None:
        require_run_count("correct", correct, len(values))
        require_run_count("baseline_correct", baseline_correct, len(baseline))
        generator = generator or np.random.default_rng(0)
        comparison = add_image_uncertainty(comparison, correct, baseline_correct, generator)
    max_seeds = max(len(values), len(baseline))
    return _flag_extra_seeds(replace(comparison, planned_seeds=planned_seeds, max_seeds=max_seeds))


def _make_too_few_runs_comparison(
    values: Sequence[float], baseline: Sequence[float], *, variant: str, margin: float, alpha: float
) -> Comparison:
    """Return an undecided comparison for fewer than three runs of the variant or the baseline."""
    seeds = min(len(values), len(baseline))
    if seeds == 0:
        raise bad_parameter("values, baseline", "at least one run each", (values, baseline))
    smaller = "baseline" if len(baseline) < len(values) else "variant"
    owner = "per variant" if len(values) == len(baseline) else f"of the {smaller}"
    reason = (
        f"one run {owner} says nothing about the method"
        if seeds == 1
        else f"two runs {owner} are too few for a useful interval"
    )
    mean = float(np.mean(values))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    no_interval = math.nan, math.nan
    return Comparison(
        variant, seeds, mean, sd, mean - float(np.mean(baseline)), no_interval, no_interval,
        1 - alpha, margin, "undecided", reason,
    )  # fmt: skip


def _decide_verdict(
    values: Sequence[float], baseline: Sequence[float], *, variant: str, margin: float, alpha: float
) -> Comparison:
    """Return the comparison of at least three runs each, decided by its intervals."""
    seeds = min(len(values), len(baseline))
    test = run_equivalence_test(values, baseline, margin=margin, alpha=alpha)
    interval = test.welch.compute_interval(1 - alpha)
    verdict, reason = choose_verdict(interval, test.interval, margin)
    pooled_sd = math.sqrt((np.var(values, ddof=1) + np.var(baseline, ddof=1)) / 2)
    detectable = compute_detectable_difference(sd=pooled_sd, seeds=seeds, alpha=alpha)
    seeds_needed = compute_seeds_needed(margin, sd=pooled_sd, alpha=alpha)
    if verdict == "undecided":
        is_limited = seeds_needed >= MAX_SEEDS_NEEDED
        count = f"{MAX_SEEDS_NEEDED} or more" if is_limited else f"{seeds_needed}"
        detected = f"a difference of {100 * detectable:.2f} points in 4 of 5 studies"
        reason += f"; {seeds} seeds per variant show {detected}"
        if seeds_needed > seeds:
            reason += f", and {count} would show one of {100 * margin:.2f}"
    return Comparison(
        variant, seeds, float(np.mean(values)), float(np.std(values, ddof=1)),
        test.welch.difference, interval, test.interval, 1 - alpha, margin,
        verdict, reason, detectable, seeds_needed,
    )  # fmt: skip


def _flag_extra_seeds(comparison: Comparison) -> Comparison:
    """Add to the reason that seeds were added to the study and how that affects false positives."""
    if not comparison.exceeds_planned_seeds:
        return comparison
    noun = "seed" if comparison.planned_seeds == 1 else "seeds"
    clause = (
        f"planned for {comparison.planned_seeds} {noun} and evaluated at {comparison.max_seeds}"
    )
    if comparison.seeds < MIN_SEEDS:  # no claim that could be false
        return replace(comparison, reason=f"{comparison.reason}; {clause}")
    clause += (
        ": adding seeds until a difference shows raises the rate of false positives from 5 % to as much as "
        f"{100 * REPEATED_LOOKS_ERROR_RATE:.0f} % if the result is checked after each seed from 3 to 20"
    )
    return replace(comparison, reason=f"{comparison.reason}; {clause}")


def compare_variants(
    accuracies: Mapping[str, Sequence[float]],
    *,
    baseline: str = BASELINE,
    margin: float = 0.005,
    alpha: float = 0.05,
    correctness: Mapping[str, BoolArray] | None = None,
    generator: np.random.Generator | None = None,
    planned_seeds: int | None = None,
    comparisons: int | None = None,
) -> list[Comparison]:
    """Compare every variant that has runs with the baseline; without runs of the baseline, return nothing.

    Args:
        accuracies: accuracies of each variant, one per run.
        baseline: name of the baseline.
        margin: largest difference that counts as equivalent.
        alpha: error rate of all comparisons together.
        correctness: arrays (runs, images) of the variants for which they are known.
        generator: source of the resampled images. By default each comparison uses a fixed seed, so that
            it does not depend on the other variants.
        planned_seeds: seeds per variant that the study was planned for.
        comparisons: number of comparisons that share `alpha`. By default all variants count, also those
            without runs, so that a later run does not change the intervals of the others.
    """
    others = [variant for variant in accuracies if variant != baseline]
    if not accuracies.get(baseline):
        return []
    known = correctness or {}
    return [
        compare_accuracies(
            accuracies[variant],
            accuracies[baseline],
            variant=variant,
            comparisons=len(others) if comparisons is None else comparisons,
            margin=margin,
            alpha=alpha,
            correct=known.get(variant),
            baseline_correct=known.get(baseline),
            generator=generator,
            planned_seeds=planned_seeds,
        )
        for variant in others
        if accuracies[variant]
    ]
