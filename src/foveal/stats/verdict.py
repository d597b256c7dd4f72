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

from collections.abc import Mapping, Sequence

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.stats.comparison import Comparison
from foveal.stats.correctness import BoolArray
from foveal.stats.decision import ALPHA
from foveal.stats.image_uncertainty import require_run_count
from foveal.stats.pair_comparison import compare_pairs
from foveal.stats.sample import Sample
from foveal.stats.sample_comparison import Rule
from foveal.stats.sequential import SequentialDesign
from foveal.variant_names import BASELINE


def compare_accuracies(
    values: Sequence[float],
    baseline: Sequence[float],
    *,
    variant: str = "variant",
    reference: str = "baseline",
    comparisons: int = 1,
    margin: float = 0.005,
    alpha: float = ALPHA,
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
    alpha: float = ALPHA,
    seeds: Mapping[str, Sequence[int]] | None = None,
    correctness: Mapping[str, BoolArray] | None = None,
    names_one_class: Mapping[str, Sequence[bool]] | None = None,
    test_images: int | None = None,
    guessing_accuracy: float | None = None,
    planned_seeds: int | None = None,
    comparisons: int | None = None,
    design: SequentialDesign | None = None,
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
        design: looks of a sequential study, whose seeds count in order; its levels replace `alpha`.

    Raises:
        UsageError: the baseline is not among the variants, or an accuracy is NaN or in percent.
    """
    if baseline not in accuracies:
        raise unknown_name("variant", baseline, accuracies)
    for name, values in accuracies.items():
        _require_fractions(name, values)
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
    rule = Rule(margin, alpha / count, alpha / count, test_images, guessing_accuracy)
    return compare_pairs(samples, pairs, rule=rule, planned_seeds=planned_seeds, design=design)


def _require_fractions(name: str, accuracies: Sequence[float]) -> None:
    """Raise a `UsageError` if an accuracy is not a fraction of 1, such as NaN or percent."""
    wrong = [float(value) for value in accuracies if not 0 <= value <= 1]
    if wrong:
        advice = ". Divide percent by 100" if wrong[0] > 1 else ""
        raise UsageError(
            f"Accuracies should be fractions from 0 to 1. Found {wrong[0]:g} for {name!r}{advice}."
        )
