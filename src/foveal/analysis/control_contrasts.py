"""Sentences on better variants against their controls."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis.answer_phrases import format_deciding_interval, format_difference
from foveal.analysis.display_names import describe_reference
from foveal.stats import MIN_SEEDS, Comparison
from foveal.variant_names import BASELINE


def describe_contrasts(comparisons: Sequence[Comparison], asked: Sequence[str]) -> list[str]:
    """Return for each variant that is better than the baseline how it compares with its controls.

    A gain over the plain network may come from more parameters or longer training alone.
    """
    better = {
        each.variant
        for each in comparisons
        if each.reference == BASELINE and each.variant in asked and each.verdict == "better"
    }
    sentences = []
    for each in comparisons:
        if each.variant not in better or each.reference == BASELINE or each.seeds < MIN_SEEDS:
            continue
        verdict = {
            "better": "is also better than",
            "worse": "is worse than",
            "equivalent": "is equivalent to",
            "undecided": "is not shown to be better than",
        }[each.verdict]
        sentences.append(
            f"`{each.variant}` {verdict} {describe_reference(each.reference)}: "
            f"{format_difference(each)} points (interval {format_deciding_interval(each)})."
        )
    return sentences
