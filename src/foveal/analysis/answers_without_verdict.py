"""Answers in which nothing is shown about any variant: undecided, not tested, or nothing learned."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from foveal.analysis.answer_content import Answer
from foveal.analysis.answer_phrases import (
    MAX_NAMED_VARIANTS,
    format_deciding_interval,
    format_difference,
    join_variants,
    spell_number,
)
from foveal.analysis.display_names import describe_reference
from foveal.stats import MIN_SEEDS, Comparison
from foveal.text_format import format_count, format_percent
from foveal.variant_names import BASELINE


def write_undecided_answer(
    comparisons: Sequence[Comparison],
    accuracies: Mapping[str, Sequence[float]],
    contrasts: Sequence[str],
) -> Answer:
    """Return the answer if nothing is shown about any variant."""
    seeds = format_count(min(each.seeds for each in comparisons), "seed")
    best = max(comparisons, key=lambda each: each.difference)
    plain = describe_reference(BASELINE)
    possible = "anything" if len(comparisons) == 1 else "the true difference can be anything"
    size = f"{format_difference(best)} points"
    if not math.isnan(best.deciding_interval[0]):
        size += f", but {possible} from {format_deciding_interval(best)}"
        size += " is possible" if len(comparisons) == 1 else ""
    if len(comparisons) == 1:
        sentence = f"With {seeds}, `{best.variant}` cannot be told apart from {plain}: {size}."
        details = []
    else:
        count = spell_number(len(comparisons))
        sentence = f"With {seeds}, not one of the {count} attention variants can be told apart from {plain}."
        kind = "largest gain" if best.difference > 0 else "smallest difference"
        details = [f"The {kind} is that of `{best.variant}`: {size}."]
    details.append(_explain_width(best, accuracies))
    return Answer(
        "undecided", "Not shown.", sentence, (*filter(None, details), *contrasts), "Not shown."
    )


def _explain_width(comparison: Comparison, accuracies: Mapping[str, Sequence[float]]) -> str:
    """Return why the interval is wide: how much seeds alone change the accuracy of one of the two."""
    samples = {
        name: values
        for name in (BASELINE, comparison.variant)
        if len(values := accuracies.get(name, ())) > 1
    }
    widest = max(samples, key=lambda name: statistics.stdev(samples[name]), default=BASELINE)
    values = samples.get(widest, (0.0,))
    difference = max(values) - min(values)
    if not difference:
        return (
            "All runs of a variant have the same accuracy, so nothing is known about other seeds."
        )
    value = 100 * difference
    size = f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    unit = "point" if size == "1" else "points"
    return (
        f"The reason: the accuracy of `{widest}` differs by up to {size} {unit} from seed to seed."
    )


def write_untested_answer(comparisons: Sequence[Comparison]) -> Answer:
    """Return the answer for fewer seeds than an interval needs."""
    if any(each.sequential is not None for each in comparisons):
        sentence = "No variant has reached the first look."
        return Answer("undecided", "Not tested.", sentence, title="Not tested.")
    seeds = max(each.seeds for each in comparisons)
    runs = "One run" if seeds == 1 else f"{spell_number(seeds).capitalize()} runs of each variant"
    verb = "says nothing" if seeds == 1 else "say too little"
    sentence = f"{runs} {verb} about the method; a verdict needs at least {MIN_SEEDS} seeds."
    return Answer("undecided", "Not tested.", sentence, title="Not tested.")


def write_unlearned_answer(comparisons: Sequence[Comparison], variant_count: int) -> Answer:
    """Return the answer if the baseline and some of the variants are no better than guessing.

    The reason is its first sentence.
    """
    share = f"{format_percent(comparisons[0].guessing_accuracy or 0, 1)} %"
    names = join_variants(comparisons, "or")
    is_all = len(comparisons) == variant_count > MAX_NAMED_VARIANTS
    subject = "any attention variant" if is_all else names
    pair = f"neither {describe_reference(BASELINE)} nor {subject} is"
    sentence = f"{pair} better than guessing, which reaches {share}."
    advice = "Train longer, on more images or with another learning rate."
    return Answer(
        "undecided",
        "Not shown:",
        sentence,
        (f"Nothing was learned, so the numbers say nothing about attention. {advice}",),
        "Not shown: nothing was learned.",
    )
