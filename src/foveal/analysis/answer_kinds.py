"""Kinds of comparisons in an answer: the verdict, or the reason for which there is none."""

from __future__ import annotations

from typing import Final

from foveal.stats import MIN_SEEDS, Comparison

UNTESTED: Final = "untested"
UNLEARNED: Final = "unlearned"
DECIDED: Final = frozenset({"better", "worse", "equivalent"})


def classify_comparison(comparison: Comparison) -> str:
    """Return the verdict, or the reason for which there can be none."""
    if comparison.has_learned_nothing:
        return UNLEARNED
    before_first_look = comparison.sequential is not None and not comparison.sequential.looks
    return UNTESTED if comparison.seeds < MIN_SEEDS or before_first_look else comparison.verdict
