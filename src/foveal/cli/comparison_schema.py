"""Schema of one comparison in the output of `foveal ablate --json`, and the functions that fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from foveal.cli.json_values import Interval, Output, interval_or_none, nan_to_none

if TYPE_CHECKING:
    from foveal.stats import Comparison, SequentialResult


class McNemarOutput(Output):
    """McNemar's test of two networks on the same images; it says nothing about the method."""

    only_variant: int
    """Number of images that only the variant classifies correctly."""
    only_baseline: int
    """Number of images that only the reference classifies correctly."""
    p_value: float
    """Exact two-sided p-value."""


class LookOutput(Output):
    """Look at a comparison at its first `seeds` seeds; differences are in the unit of the comparison."""

    seeds: int
    """Number of seeds of both."""
    difference: float
    """Mean of the variant minus that of the reference."""
    interval: Interval | None
    """Welch interval at the level of this look."""
    equivalence_interval: Interval | None
    """Welch interval that is compared with the margin, at the level of this look."""
    verdict: Literal["better", "worse", "equivalent", "undecided"]
    """Verdict at this look."""
    chance_of_verdict: float | None
    """Predictive chance of any verdict by the last look; null before 5 seeds and at the last look."""


class SequentialOutput(Output):
    """Looks of one comparison of a sequential study."""

    looks: list[LookOutput]
    """Looks so far, up to the one at which the comparison stopped."""
    stop: Literal["verdict", "unlikely", "last look"] | None
    """Reason of the stop: a verdict, a verdict that had become unlikely, or the last look; null if none."""
    next_look: int | None
    """Number of seeds of the next look; null after the stop."""


class ComparisonOutput(Output):
    """Comparison of one variant with a reference in the same cell; accuracies and differences are fractions."""

    cell: str
    """Cell of the grid, as option=value; empty without a grid."""
    variant: str
    """Variant as named by the user."""
    reference: str
    """`none`, or a control of the variant."""
    verdict: Literal["better", "worse", "equivalent", "undecided"]
    """Verdict by the rule of foveal.stats."""
    reason: str
    """Reason of the verdict, in a sentence; its differences are in points."""
    seeds: int
    """Number of seeds that both have; only these count."""
    omitted_runs: int
    """Finished runs of the variant that are left out, because the reference lacks their seeds."""
    omitted_reference_runs: int
    """Finished runs of the reference that are left out, because the variant lacks their seeds."""
    planned_seeds: int
    """Planned number of runs per variant."""
    exceeds_planned_seeds: bool
    """True if the verdict is about more seeds than planned, which raises the rate of false positives."""
    at_guessing: bool
    """True if the variant is not better than guessing."""
    reference_at_guessing: bool
    """True if the reference is not better than guessing. If both are, the verdict is undecided."""
    guessing_accuracy: float | None
    """Share of the largest class of the test set."""
    mean: float
    """Mean accuracy of the variant."""
    sd: float | None
    """Standard deviation of the accuracy from run to run; null for one run."""
    difference: float
    """Mean accuracy of the variant minus that of the reference."""
    interval: Interval | None
    """Welch interval of the difference at `level`. The verdict and the figure use it."""
    level: float
    """Level of the interval: 1 - 0.05 / comparisons, or that of the look of a sequential study."""
    equivalence_interval: Interval | None
    """Welch interval that is compared with the margin (two one-sided tests)."""
    margin: float
    """Differences smaller than the margin count as equivalent."""
    detectable_difference: float | None
    """Smallest difference that as many seeds detect with power 0.8 in a study without looks."""
    seeds_needed: int | None
    """Estimated seeds per variant that show a difference as large as the margin with 80 % power."""
    seeds_needed_interval: tuple[int, int] | None
    """90 % interval of `seeds_needed`: the standard deviation is an estimate, too."""
    sd_ratio: float | None
    """Standard deviation of the variant divided by that of the reference; null if one is 0."""
    sd_ratio_interval: Interval | None
    """F interval of `sd_ratio` at `level`, for normal deviations."""
    standard_error_seeds: float | None
    """Seed uncertainty: standard error of the difference due to the seeds."""
    standard_error_images: float | None
    """Test-set uncertainty: standard error of the difference due to the finite test set."""
    standard_error_both: float | None
    """Standard error for other seeds and other test images: the root of the sum of both squares."""
    finite_test_share: float | None
    """Share of the variance due to seeds that exists only because the test set is finite."""
    sequential: SequentialOutput | None
    """Looks of a sequential study; null in other studies."""
    mcnemar: McNemarOutput | None
    """McNemar's test; null with more than one run per variant."""


def make_comparison_output(cell: str, comparison: Comparison) -> ComparisonOutput:
    """Return the output of one comparison, with None for values that do not exist."""
    test, split = comparison.mcnemar, comparison.variance_split
    spread = comparison.spread_ratio
    planned = comparison.planned_seeds
    return ComparisonOutput(
        cell=cell,
        **make_shared_fields(comparison),
        planned_seeds=comparison.seeds if planned is None else planned,
        exceeds_planned_seeds=comparison.exceeds_planned_seeds,
        reference_at_guessing=comparison.is_reference_at_guessing,
        guessing_accuracy=comparison.guessing_accuracy,
        margin=comparison.margin,
        sd_ratio=spread.ratio if spread else None,
        sd_ratio_interval=spread.interval if spread else None,
        standard_error_seeds=nan_to_none(split.seed_error) if split else None,
        standard_error_images=nan_to_none(split.image_error) if split else None,
        standard_error_both=split.total_error if split else None,
        finite_test_share=nan_to_none(split.finite_test_share) if split else None,
        mcnemar=McNemarOutput(
            only_variant=test.only_variant,
            only_baseline=test.only_baseline,
            p_value=test.p_value,
        )
        if test
        else None,
    )


def make_shared_fields(
    comparison: Comparison, convert: Callable[[float], float] = float
) -> dict[str, Any]:
    """Return the fields that the outputs of `ablate` and `judge` have in common, None for what does not exist.

    `convert` turns a number of the statistics into the unit of the output.
    """
    sd, detectable = nan_to_none(comparison.sd), comparison.detectable_difference
    return {
        "variant": comparison.variant,
        "reference": comparison.reference,
        "verdict": comparison.verdict,
        "reason": comparison.reason,
        "seeds": comparison.seeds,
        "omitted_runs": comparison.omitted_runs,
        "omitted_reference_runs": comparison.omitted_reference_runs,
        "at_guessing": comparison.is_at_guessing,
        "mean": convert(comparison.mean),
        "sd": None if sd is None else abs(convert(sd)),
        "difference": convert(comparison.difference),
        "interval": interval_or_none(comparison.interval, convert),
        "level": comparison.level,
        "equivalence_interval": interval_or_none(comparison.equivalence_interval, convert),
        "detectable_difference": None if detectable is None else abs(convert(detectable)),
        "seeds_needed": comparison.seeds_needed,
        "seeds_needed_interval": comparison.seeds_needed_interval,
        "sequential": _make_sequential_output(comparison.sequential, convert),
    }


def _make_sequential_output(
    result: SequentialResult | None, convert: Callable[[float], float]
) -> SequentialOutput | None:
    """Return the output of the looks of a comparison, or None if it has no looks."""
    if result is None:
        return None
    looks = [
        LookOutput(
            seeds=look.seeds,
            difference=convert(look.difference),
            interval=interval_or_none(look.interval, convert),
            equivalence_interval=interval_or_none(look.equivalence_interval, convert),
            verdict=look.verdict,
            chance_of_verdict=look.chance_of_verdict,
        )
        for look in result.looks
    ]
    return SequentialOutput(looks=looks, stop=result.stop, next_look=result.next_look)
