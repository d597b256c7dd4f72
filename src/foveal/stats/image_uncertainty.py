"""What the test images, which all runs share, add to a comparison of runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foveal.errors import bad_parameter
from foveal.stats.bootstrap import two_way_bootstrap
from foveal.stats.comparison import FEWEST_SEEDS, Comparison
from foveal.stats.correctness import BoolArray
from foveal.stats.mcnemar import McNemar, mcnemar
from foveal.stats.variance import variance_split


def check_runs(name: str, correct: BoolArray, runs: int) -> None:
    """Refuse correctness that is not of these runs."""
    if len(correct) != runs:
        raise bad_parameter(name, f"of shape ({runs}, images), a row a run", correct.shape)


def beside(
    comparison: Comparison,
    correct: BoolArray,
    baseline_correct: BoolArray,
    generator: np.random.Generator,
) -> Comparison:
    """Add what the images say of the doubt; the verdict stays."""
    if len(correct) == len(baseline_correct) == 1:
        found = mcnemar(correct[0], baseline_correct[0])
        reason = f"{comparison.reason}; {on_shared_images(found, alpha=1 - comparison.level)}"
        return replace(comparison, mcnemar=found, reason=reason)
    if comparison.seeds < 2:
        return comparison
    split = variance_split(correct, baseline_correct)
    if comparison.seeds < FEWEST_SEEDS:
        return replace(comparison, split=split)
    drawn = two_way_bootstrap(correct, baseline_correct, generator=generator)
    return replace(comparison, split=split, bootstrap=drawn.standard_error)


def on_shared_images(found: McNemar, *, alpha: float) -> str:
    """Say what McNemar's test says, which is about two networks.

    >>> on_shared_images(McNemar(41, 30, 0.2354), alpha=0.05)[-52:]
    'p = 0.24, so these two networks cannot be told apart'
    """
    p = f"p = {found.p_value:.2g}" if found.p_value >= 0.001 else "p < 0.001"
    differ = "differ" if found.p_value < alpha else "cannot be told apart"
    return (
        f"McNemar on the shared images: {found.only_variant} right only here, "
        f"{found.only_baseline} right only in the baseline, {p}, so these two networks {differ}"
    )
