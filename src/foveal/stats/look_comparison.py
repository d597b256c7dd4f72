"""Comparison of two samples by a sequential design, at the last look that it has had."""

from __future__ import annotations

import math
from dataclasses import replace

from foveal.stats.comparison import Comparison
from foveal.stats.sample import Sample
from foveal.stats.sample_comparison import Rule, compare_samples
from foveal.stats.sequential import SequentialDesign, SequentialResult, run_sequential_test


def compare_at_looks(
    sample: Sample, reference: Sample, design: SequentialDesign, rule: Rule
) -> Comparison:
    """Return the comparison of two samples with the same seeds, which are looked at in increasing order.

    The levels of `rule` are replaced by those of the look, except for planning: the detectable difference and
    the seeds needed are those of a study without looks. Before the first look there is no interval.
    """

    def has_learned(seeds: int) -> bool:
        if rule.guessing_accuracy is None or rule.test_images is None:
            return True
        return not all(
            each.take_first(seeds).is_at_guessing(
                guessing_accuracy=rule.guessing_accuracy, test_images=rule.test_images
            )
            for each in (sample, reference)
        )

    result = run_sequential_test(
        *map(_list_by_seed, (sample, reference)),
        design=design,
        margin=rule.margin,
        test_images=rule.test_images,
        has_learned=has_learned,
    )
    look = max(0, len(result.looks) - 1)
    seeds = result.looks[-1].seeds if result.looks else len(sample.accuracies)
    levels = replace(
        rule,
        alpha=design.difference_levels[look],
        equivalence_alpha=design.equivalence_levels[look],
        planning_alpha=design.alpha,
    )
    comparison = compare_samples(sample.take_first(seeds), reference.take_first(seeds), levels)
    if not result.looks:
        comparison = _remove_intervals(comparison)
    reason = "; ".join([*([comparison.reason] if result.looks else []), _describe(result, design)])
    return replace(comparison, sequential=result, reason=reason)


def _list_by_seed(sample: Sample) -> list[float]:
    """Return the accuracies of a sample by seed."""
    return [value for _, value in sorted(zip(sample.seeds, sample.accuracies, strict=True))]


def _remove_intervals(comparison: Comparison) -> Comparison:
    """Return a comparison without what a look would say."""
    no_interval = (math.nan, math.nan)
    return replace(
        comparison,
        interval=no_interval,
        equivalence_interval=no_interval,
        verdict="undecided",
        seed_sd=None,
        detectable_difference=None,
        seeds_needed=None,
        seeds_needed_interval=None,
        spread_ratio=None,
    )


def _describe(result: SequentialResult, design: SequentialDesign) -> str:
    """Return the clause on the looks of a comparison."""
    if not result.looks:
        return f"the first look is at {design.looks[0]} seeds"
    seeds = f"{result.looks[-1].seeds} of at most {design.max_seeds} seeds"
    if result.stop is None:
        return f"after {seeds}; the next look is at {result.next_look}"
    if result.stop == "unlikely":
        return f"stopped after {seeds}, because a verdict had become unlikely"
    return f"decided after {seeds}" if result.stop == "verdict" else f"after {seeds}, the last look"
