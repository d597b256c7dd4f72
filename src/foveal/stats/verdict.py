"""Verdict of a comparison with the baseline or a control: one interval, one rule, one of four words.

With k comparisons in a study and alpha = 0.05, each comparison is made at a = alpha / k:

- D: the difference of means with its Welch interval at level 1 - a, which is shown;
- E: the Welch interval at level 1 - 2a (two one-sided tests at a, Schuirmann 1987), which is compared
  with the margin.

The verdict is equivalent if E is within the margin; otherwise better or worse if D excludes 0;
otherwise undecided. It is also undecided if neither of the two is better than guessing.

Only the seeds that both have count, so that the numbers of runs are equal.
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
    compute_detectable_difference,
    compute_seeds_needed,
    compute_seeds_needed_interval,
)
from foveal.stats.sample import Sample, select_common_seeds
from foveal.stats.spread import compute_spread_ratio
from foveal.stats.welch import compute_rounding_variance
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
    reference: str = "baseline",
    comparisons: int = 1,
    margin: float = 0.005,
    alpha: float = 0.05,
    correct: BoolArray | None = None,
    baseline_correct: BoolArray | None = None,
    test_images: int | None = None,
    guessing_accuracy: float | None = None,
    planned_seeds: int | None = None,
) -> Comparison:
    """Compare the accuracies of a variant, one per run, with those of the baseline.

    If one of them has more runs, the first n of both are compared, with n the smaller number.

    Args:
        values: accuracies of the variant, fractions of 1, in the order of the seeds.
        baseline: accuracies of the baseline.
        variant: name of the variant.
        reference: name of the baseline.
        comparisons: number of comparisons that share the error rate `alpha`.
        margin: largest difference that counts as equivalent.
        alpha: error rate of all comparisons together.
        correct: correctness (runs, images) of the variant. With `baseline_correct` on the same images, the
            test-set uncertainty is added; it does not change the verdict.
        baseline_correct: correctness of the baseline.
        test_images: number of test images; by default that of `correct`. Without it, there is no verdict if
            neither the accuracies of the variant nor those of the baseline vary.
        guessing_accuracy: share of the largest class of the test set. With it and the number of test images,
            there is no verdict if neither the variant nor the baseline is better than guessing.
        planned_seeds: seeds per variant that the study was planned for.

    >>> cbam = [0.7620, 0.7655, 0.7623, 0.7626, 0.7616]
    >>> none = [0.7636, 0.7594, 0.7638, 0.7603, 0.7637]
    >>> compare_accuracies(cbam, none, margin=0.003).verdict
    'equivalent'
    """
    if min(len(values), len(baseline)) == 0:
        raise bad_parameter("values, baseline", "at least one run each", (values, baseline))
    correctness = {}
    if correct is not None and baseline_correct is not None:
        require_run_count("correct", correct, len(values))
        require_run_count("baseline_correct", baseline_correct, len(baseline))
        correctness = {variant: correct, reference: baseline_correct}
    (comparison,) = compare_variants(
        {reference: baseline, variant: values},
        baseline=reference,
        margin=margin,
        alpha=alpha,
        correctness=correctness,
        test_images=test_images,
        guessing_accuracy=guessing_accuracy,
        planned_seeds=planned_seeds,
        comparisons=comparisons,
    )
    return comparison


def compare_variants(
    accuracies: Mapping[str, Sequence[float]],
    *,
    baseline: str = BASELINE,
    contrasts: Sequence[tuple[str, str]] = (),
    margin: float = 0.005,
    alpha: float = 0.05,
    seeds: Mapping[str, Sequence[int]] | None = None,
    correctness: Mapping[str, BoolArray] | None = None,
    names_one_class: Mapping[str, Sequence[bool]] | None = None,
    test_images: int | None = None,
    guessing_accuracy: float | None = None,
    planned_seeds: int | None = None,
    comparisons: int | None = None,
) -> list[Comparison]:
    """Compare every variant with the baseline, then the variant of each contrast with its control.

    Each comparison is about the seeds that both variants have; without any, it is left out.

    Args:
        accuracies: accuracies of each variant, one per run.
        baseline: name of the baseline.
        contrasts: pairs of a variant and its control. If the variant is better than the baseline and the
            control is undecided, this does not compare the two (Gelman and Stern 2006); a contrast does.
        margin: largest difference that counts as equivalent.
        alpha: error rate of all comparisons together.
        seeds: seed of each run; by default the runs of every variant have the seeds 0, 1, 2, ....
        correctness: arrays (runs, images) of the variants for which they are known.
        names_one_class: for each run, True if it names one class for every image. A variant of such runs is at
            guessing, whatever its accuracy.
        test_images: number of test images; by default that of `correctness`.
        guessing_accuracy: share of the largest class of the test set.
        planned_seeds: seeds per variant that the study was planned for.
        comparisons: number of comparisons that share `alpha`. By default all variants and contrasts count,
            also those without runs, so that a later run does not change the intervals of the others.
    """
    pairs = [(variant, baseline) for variant in accuracies if variant != baseline]
    pairs += contrasts
    count = len(pairs) if comparisons is None else comparisons
    if not 0 < margin < 1:
        raise bad_parameter("margin", "between 0 and 1, as a fraction", margin)
    if comparisons is not None and comparisons < 1:
        raise bad_parameter("comparisons", "at least 1", comparisons)
    samples = {
        name: Sample(
            name,
            values,
            (seeds or {}).get(name, range(len(values))),
            (correctness or {}).get(name),
            (names_one_class or {}).get(name, ()),
        )
        for name, values in accuracies.items()
    }
    found = []
    for variant, reference in pairs:
        if not {variant, reference} <= samples.keys():
            continue
        sample, other = select_common_seeds(samples[variant], samples[reference])
        if sample.accuracies:
            comparison = _compare_samples(
                sample,
                other,
                margin=margin,
                alpha=alpha / count,
                test_images=test_images,
                guessing_accuracy=guessing_accuracy,
            )
            comparison = replace(comparison, planned_seeds=planned_seeds)
            found.append(_flag_extra_seeds(_flag_omitted_runs(comparison)))
    return found


def _compare_samples(
    sample: Sample,
    reference: Sample,
    *,
    margin: float,
    alpha: float,
    test_images: int | None,
    guessing_accuracy: float | None,
) -> Comparison:
    """Return the comparison of equal numbers of runs; `alpha` is that of one comparison."""
    correct, reference_correct = sample.correct, reference.correct
    if test_images is None and correct is not None:
        test_images = correct.shape[1]
    comparison = _compare_means(sample, reference, margin, alpha, test_images)
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


def _compare_means(
    sample: Sample, reference: Sample, margin: float, alpha: float, test_images: int | None
) -> Comparison:
    """Return the comparison of the means, decided by its intervals if there are any."""
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
        verdict="undecided",
        reason="one run per variant says nothing about the method"
        if seeds == 1
        else "two runs per variant are too few for a useful interval",
        omitted_runs=sample.omitted_runs,
        omitted_reference_runs=reference.omitted_runs,
    )
    if seeds < MIN_SEEDS:
        return comparison
    test = run_equivalence_test(values, others, margin=margin, alpha=alpha, test_images=test_images)
    if test.welch.standard_error == 0:
        reason = (
            "all runs of a variant have the same accuracy, so nothing is known about other seeds"
        )
        return replace(comparison, reason=reason)
    interval = test.welch.compute_interval(1 - alpha)
    verdict, reason = choose_verdict(interval, test.interval, margin)
    seed_sd = _average_sd(values, others, test_images)
    detectable = compute_detectable_difference(sd=seed_sd, seeds=seeds, alpha=alpha)
    if verdict == "undecided":
        size = f"{100 * detectable:.2f} points"
        reason += (
            f"; {seeds} seeds per variant show a difference as large as {size} in 4 of 5 studies"
        )
    return replace(
        comparison,
        interval=interval,
        equivalence_interval=test.interval,
        verdict=verdict,
        reason=reason,
        seed_sd=seed_sd,
        detectable_difference=detectable,
        seeds_needed=compute_seeds_needed(margin, sd=seed_sd, alpha=alpha),
        seeds_needed_interval=compute_seeds_needed_interval(
            margin, sd=seed_sd, seeds=seeds, alpha=alpha
        ),
        spread_ratio=compute_spread_ratio(values, others, level=1 - alpha),
    )


def _average_sd(values: Sequence[float], others: Sequence[float], test_images: int | None) -> float:
    """Return the root mean square of two standard deviations, at least that of rounding."""
    variance = float(np.var(values, ddof=1) + np.var(others, ddof=1)) / 2
    if test_images is not None:
        variance = max(variance, compute_rounding_variance(test_images))
    return math.sqrt(variance)


def _apply_guessing_rule(comparison: Comparison) -> Comparison:
    """Return the comparison, undecided if both are at guessing, and with a note if one of them is."""
    share = f"{100 * (comparison.guessing_accuracy or 0):.1f} %"
    if comparison.has_learned_nothing:
        reason = f"neither arm is better than guessing, which reaches {share}"
        if comparison.seeds < MIN_SEEDS:
            reason += f"; {comparison.reason}"
        return replace(comparison, verdict="undecided", reason=reason)
    if comparison.is_at_guessing or comparison.is_reference_at_guessing:
        name = comparison.variant if comparison.is_at_guessing else comparison.reference
        note = f"{name} is not better than guessing, which reaches {share}"
        return replace(comparison, reason=f"{comparison.reason}; {note}")
    return comparison


def _flag_omitted_runs(comparison: Comparison) -> Comparison:
    """Add to the reason how many runs are left out because only one of the two has their seeds."""
    omitted = {
        comparison.variant: comparison.omitted_runs,
        comparison.reference: comparison.omitted_reference_runs,
    }
    counts = [f"{n} {'run' if n == 1 else 'runs'} of {name}" for name, n in omitted.items() if n]
    if not counts:
        return comparison
    seeds = "the seed that both have counts"
    if comparison.seeds > 1:
        seeds = f"the {comparison.seeds} seeds that both have count"
    verb = "is" if sum(omitted.values()) == 1 else "are"
    clause = f"only {seeds}: {' and '.join(counts)} {verb} left out"
    return replace(comparison, reason=f"{comparison.reason}; {clause}")


def _flag_extra_seeds(comparison: Comparison) -> Comparison:
    """Add to the reason that seeds were added to the study and how that affects false positives."""
    if not comparison.exceeds_planned_seeds:
        return comparison
    noun = "seed" if comparison.planned_seeds == 1 else "seeds"
    clause = f"planned for {comparison.planned_seeds} {noun} and evaluated at {comparison.seeds}"
    if comparison.seeds < MIN_SEEDS:  # no claim that could be false
        return replace(comparison, reason=f"{comparison.reason}; {clause}")
    clause += (
        ": adding seeds until a difference shows raises the rate of false positives from 5 % to as much as "
        f"{100 * REPEATED_LOOKS_ERROR_RATE:.0f} % if the result is checked after each seed from 3 to 20"
    )
    return replace(comparison, reason=f"{comparison.reason}; {clause}")
