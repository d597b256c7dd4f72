"""Test-set uncertainty of a comparison, from the correctness of each run on each image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foveal.errors import bad_parameter
from foveal.stats.bootstrap import run_two_way_bootstrap
from foveal.stats.comparison import MIN_SEEDS, Comparison
from foveal.stats.correctness import BoolArray
from foveal.stats.mcnemar import McNemarTest, run_mcnemar_test
from foveal.stats.variance import split_variance


def require_run_count(name: str, correct: BoolArray, runs: int) -> None:
    """Raise a `UsageError` if an array of correctness does not have one row per run."""
    if len(correct) != runs:
        raise bad_parameter(name, f"of shape ({runs}, images), a row a run", correct.shape)


def add_image_uncertainty(
    comparison: Comparison,
    correct: BoolArray,
    baseline_correct: BoolArray,
    generator: np.random.Generator,
) -> Comparison:
    """Return the comparison with its test-set uncertainty; the verdict does not change."""
    if len(correct) == len(baseline_correct) == 1:
        test = run_mcnemar_test(correct[0], baseline_correct[0])
        reason = f"{comparison.reason}; {_describe_mcnemar_test(test, alpha=1 - comparison.level)}"
        return replace(comparison, mcnemar=test, reason=reason)
    if comparison.seeds < 2:
        return comparison
    variance_split = split_variance(correct, baseline_correct)
    if comparison.seeds < MIN_SEEDS:
        return replace(comparison, variance_split=variance_split)
    bootstrap = run_two_way_bootstrap(correct, baseline_correct, generator=generator)
    return replace(
        comparison,
        variance_split=variance_split,
        bootstrap_standard_error=bootstrap.standard_error,
    )


def _describe_mcnemar_test(test: McNemarTest, *, alpha: float) -> str:
    """Return the result of McNemar's test, which compares two networks, as a clause.

    >>> _describe_mcnemar_test(McNemarTest(41, 30, 0.2354), alpha=0.05)[-52:]
    'p = 0.24, so these two networks cannot be told apart'
    """
    p = f"p = {test.p_value:.2g}" if test.p_value >= 0.001 else "p < 0.001"
    result = "differ" if test.p_value < alpha else "cannot be told apart"
    return (
        f"McNemar's test on the shared images: {test.only_variant} classified correctly only by the variant, "
        f"{test.only_baseline} only by the baseline, {p}, so these two networks {result}"
    )
