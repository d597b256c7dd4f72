"""Test-set uncertainty of a comparison, from the correctness of each run on each image."""

from __future__ import annotations

from dataclasses import replace

from foveal.errors import bad_parameter
from foveal.stats.comparison import Comparison
from foveal.stats.correctness import BoolArray
from foveal.stats.mcnemar import McNemarTest, run_mcnemar_test
from foveal.stats.variance import split_variance


def require_run_count(name: str, correct: BoolArray, runs: int) -> None:
    """Raise a `UsageError` if an array of correctness does not have one row per run."""
    if len(correct) != runs:
        raise bad_parameter(name, f"of shape ({runs}, images), a row a run", correct.shape)


def add_image_uncertainty(
    comparison: Comparison, correct: BoolArray, baseline_correct: BoolArray
) -> Comparison:
    """Return the comparison with its test-set uncertainty; the verdict does not change."""
    if comparison.seeds < 2:
        test = run_mcnemar_test(correct[0], baseline_correct[0])
        reason = f"{comparison.reason}; {_describe_mcnemar_test(test, comparison)}"
        return replace(comparison, mcnemar=test, reason=reason)
    return replace(comparison, variance_split=split_variance(correct, baseline_correct))


def _describe_mcnemar_test(test: McNemarTest, comparison: Comparison) -> str:
    """Return the result of McNemar's test, which compares two networks, as a clause."""
    p = f"p = {test.p_value:.2g}" if test.p_value >= 0.001 else "p < 0.001"
    result = "differ" if test.p_value < 1 - comparison.level else "cannot be told apart"
    return (
        f"McNemar's test on the shared images: {test.only_variant} classified correctly only by "
        f"{comparison.variant}, {test.only_baseline} only by {comparison.reference}, {p}, so these two "
        f"networks {result}"
    )
