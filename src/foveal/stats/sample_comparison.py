"""Comparison of two samples with equal numbers of runs, at given levels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from foveal.stats.comparison import MIN_SEEDS, Comparison
from foveal.stats.decision import choose_verdict
from foveal.stats.image_uncertainty import add_image_uncertainty
from foveal.stats.outcome_unit import POINTS, OutcomeUnit
from foveal.stats.power import (
    compute_detectable_difference,
    compute_seeds_needed,
    compute_seeds_needed_interval,
)
from foveal.stats.sample import Sample
from foveal.stats.spread import compute_spread_ratio
from foveal.stats.welch import compute_average_sd, run_welch_test


@dataclass(frozen=True)
class Rule:
    """Rule of one comparison: margin, levels, and knowledge about the test set.

    `alpha` is the two-sided level of the interval D, and `equivalence_alpha` the one-sided level of the
    interval E. `planning_alpha` is the level for planning a study without looks, by default `alpha`.
    `test_images` and `guessing_accuracy` are None if unknown. A `margin` of 0 means that there is none.
    """

    margin: float
    alpha: float
    equivalence_alpha: float
    test_images: int | None = None
    guessing_accuracy: float | None = None
    unit: OutcomeUnit = POINTS
    planning_alpha: float | None = None


def compare_samples(sample: Sample, reference: Sample, rule: Rule) -> Comparison:
    """Return the comparison of two samples, decided by their intervals if there are any."""
    correct, reference_correct = sample.correct, reference.correct
    if rule.test_images is None and correct is not None:
        rule = replace(rule, test_images=correct.shape[1])
    comparison = _compare_means(sample, reference, rule)
    guessing_accuracy, test_images = rule.guessing_accuracy, rule.test_images
    if guessing_accuracy is not None and test_images is not None:
        comparison = _apply_guessing_rule(
            replace(
                comparison,
                guessing_accuracy=guessing_accuracy,
                is_at_guessing=sample.is_at_guessing(
                    guessing_accuracy=guessing_accuracy, test_images=test_images
                ),
                is_reference_at_guessing=reference.is_at_guessing(
                    guessing_accuracy=guessing_accuracy, test_images=test_images
                ),
            )
        )
    if correct is not None and reference_correct is not None:
        comparison = add_image_uncertainty(comparison, correct, reference_correct)
    return comparison


def _compare_means(sample: Sample, reference: Sample, rule: Rule) -> Comparison:
    """Return the comparison of the means, without what is known about single images."""
    margin, alpha, test_images = rule.margin, rule.alpha, rule.test_images
    values, others = sample.accuracies, reference.accuracies
    seeds, mean, no_interval = len(values), float(np.mean(values)), (math.nan, math.nan)
    comparison = Comparison(
        variant=sample.name,
        reference=reference.name,
        seeds=seeds,
        mean=mean,
        sd=float(np.std(values, ddof=1)) if seeds > 1 else math.nan,
        difference=mean - float(np.mean(others)),
        interval=no_interval,
        equivalence_interval=no_interval,
        level=1 - alpha,
        margin=margin,
        unit=rule.unit,
        verdict="undecided",
        reason="one run per variant says nothing about the method"
        if seeds == 1
        else "two runs per variant are too few for a useful interval",
        omitted_runs=sample.omitted_runs,
        omitted_reference_runs=reference.omitted_runs,
    )
    if seeds < MIN_SEEDS:
        return comparison
    test = run_welch_test(values, others, test_images=test_images)
    if test.standard_error == 0:
        quantity = "accuracy" if rule.unit == POINTS else "value"
        reason = (
            f"all runs of a variant have the same {quantity}, so nothing is known about other seeds"
        )
        return replace(comparison, reason=reason)
    interval = test.compute_interval(1 - alpha)
    equivalence_interval = test.compute_interval(1 - 2 * rule.equivalence_alpha)
    verdict, reason = choose_verdict(interval, equivalence_interval, margin, rule.unit)
    seed_sd = compute_average_sd(values, others, test_images=test_images)
    planned = rule.alpha if rule.planning_alpha is None else rule.planning_alpha
    return replace(
        comparison,
        interval=interval,
        equivalence_interval=equivalence_interval,
        verdict=verdict,
        reason=reason,
        seed_sd=seed_sd,
        detectable_difference=compute_detectable_difference(sd=seed_sd, seeds=seeds, alpha=planned),
        seeds_needed=compute_seeds_needed(margin, sd=seed_sd, alpha=planned) if margin else None,
        seeds_needed_interval=compute_seeds_needed_interval(
            margin, sd=seed_sd, seeds=seeds, alpha=planned
        )
        if margin
        else None,
        spread_ratio=compute_spread_ratio(values, others, level=1 - alpha),
    )


def _apply_guessing_rule(comparison: Comparison) -> Comparison:
    """Return the comparison, undecided if both are at guessing, and with a note if one of them is."""
    share = f"{100 * (comparison.guessing_accuracy or 0):.1f} %"
    if comparison.has_learned_nothing:
        reason = f"neither variant is better than guessing, which reaches {share}"
        if comparison.seeds < MIN_SEEDS:
            reason += f"; {comparison.reason}"
        return replace(comparison, verdict="undecided", reason=reason)
    if comparison.is_at_guessing or comparison.is_reference_at_guessing:
        name = comparison.variant if comparison.is_at_guessing else comparison.reference
        note = f"{name} is not better than guessing, which reaches {share}"
        return replace(comparison, reason=f"{comparison.reason}; {note}")
    return comparison
