"""Answers in which every variant is better, worse or equivalent, or the variants have several verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from foveal.analysis.answer_content import Answer
from foveal.analysis.answer_kinds import DECIDED, UNLEARNED, UNTESTED
from foveal.analysis.answer_phrases import (
    format_deciding_interval,
    format_difference,
    join_variants,
    spell_number,
)
from foveal.stats import Comparison
from foveal.text_format import format_margin, format_percent, join_with_and

_MAX_SIZES: Final = 4
"""Number of decided variants up to which a mixed answer has the difference of each."""


def write_decided_answer(
    verdict: str, comparisons: Sequence[Comparison], contrasts: Sequence[str]
) -> Answer:
    """Return the answer if all variants have this verdict: better, worse or equivalent."""
    largest = max(comparisons, key=lambda each: abs(each.difference))
    name, interval = f"`{largest.variant}`", format_deciding_interval(largest)
    count = "both" if len(comparisons) == 2 else f"all {spell_number(len(comparisons))}"
    count += " attention variants"
    is_single = len(comparisons) == 1
    points = format_difference(largest)
    if verdict == "better":
        sentence = f"{name} is better, by {points} points (interval {interval})."
        if not is_single:
            sentence = f"{count} are better, {name} most: {points} points (interval {interval})."
        notes = describe_gains(comparisons, is_only_one=is_single)
        return Answer(verdict, "Yes:", sentence, (*notes, *contrasts), "Yes.")
    if verdict == "worse":
        size = format_difference(largest, signed=False)
        sentence = f"{name} makes it worse, by {size} points (interval {interval})."
        if not is_single:
            sentence = (
                f"{count} make it worse, {name} most: by {size} points (interval {interval})."
            )
        return Answer(verdict, "No:", sentence, tuple(contrasts), "No.")
    margin = f"less than {format_margin(100 * largest.margin)} either way"
    sentence = f"{margin} (interval {interval})."
    if not is_single:
        closest = max(comparisons, key=lambda each: max(map(abs, each.deciding_interval)))
        sentence = (
            f"{margin} for {count} (closest to that: `{closest.variant}`, interval "
            f"{format_deciding_interval(closest)})."
        )
    lead = "It makes no difference that matters:"
    return Answer(verdict, lead, sentence, tuple(contrasts), "No difference that matters.")


def write_mixed_answer(
    groups: Mapping[str, Sequence[Comparison]], contrasts: Sequence[str]
) -> Answer:
    """Return the answer if variants have several verdicts: all of them by name in one sentence."""
    parts = _list_mixed_parts(groups, with_sizes=False)
    title = f"Mixed: {'; '.join(parts)}."
    decided = sum(len(groups.get(kind, ())) for kind in DECIDED)
    if decided <= _MAX_SIZES:
        parts = _list_mixed_parts(groups, with_sizes=True)
    gains = describe_gains(groups.get("better", ()), is_only_one=False)
    return Answer("mixed", "Mixed:", f"{'; '.join(parts)}.", (*gains, *contrasts), title)


def _list_mixed_parts(groups: Mapping[str, Sequence[Comparison]], *, with_sizes: bool) -> list[str]:
    """Return for each verdict the variants that have it, with their differences or without."""
    parts = []
    for kind, singular, plural in (
        ("better", "helps", "help"),
        ("worse", "makes it worse", "make it worse"),
        ("equivalent", "makes no difference that matters", "make no difference that matters"),
        ("undecided", "is undecided", "are undecided"),
        (UNTESTED, "was not tested", "were not tested"),
        (UNLEARNED, "is not better than guessing", "are not better than guessing"),
    ):
        if kind not in groups:
            continue
        group = sorted(groups[kind], key=lambda each: -abs(each.difference))
        sized = with_sizes and kind in DECIDED
        names = [_name_with_size(each) if sized else f"`{each.variant}`" for each in group]
        part = f"{join_with_and(names)} {singular if len(group) == 1 else plural}"
        if kind == UNLEARNED:
            part += f", which reaches {format_percent(group[0].guessing_accuracy or 0, 1)} %"
        parts.append(part)
    return parts


def _name_with_size(comparison: Comparison) -> str:
    """Return a variant with its difference and the interval that decides."""
    size = (
        f"{format_difference(comparison)} points, interval {format_deciding_interval(comparison)}"
    )
    return f"`{comparison.variant}` ({size})"


def describe_gains(better: Sequence[Comparison], *, is_only_one: bool) -> list[str]:
    """Return a warning if the low end of a gain is below the margin, and that gains are not compared."""
    sentences = []
    if len(better) > 1:
        which = f"{join_variants(better)} is better" if len(better) == 2 else "these is best"
        sentences.append(f"Which of {which} was not tested.")
    small = [each for each in better if each.interval[0] < each.margin]
    if small:
        subject = "It" if is_only_one else f"The gain of {join_variants(small)}"
        margin = format_margin(100 * small[0].margin)
        sentences.append(f"{subject} may be too small to matter: the margin is {margin}.")
    return sentences
