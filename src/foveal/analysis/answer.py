"""Answer of a study in one sentence, the same in the terminal, in the title of the report and on its page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foveal.analysis.course import describe_looks
from foveal.analysis.display_names import describe_reference, select_attention_variants
from foveal.stats import MIN_SEEDS, Comparison
from foveal.text_format import (
    choose_point_decimals,
    format_count,
    format_rounded_points,
    join_with_and,
)
from foveal.variant_names import BASELINE

_NUMBER_WORDS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
_MAX_DETAILS: Final = 3
_MAX_SIZES: Final = 4
"""Number of decided variants up to which a mixed answer has the difference of each."""
_HARDLY_LEARNED: Final = 0.1
"""Share of the errors of guessing of which networks that hardly learned avoid less."""
_LEADS_WITHOUT_SIZES: Final = frozenset({"Not tested.", "Not shown:"})
_UNTESTED: Final = "untested"
_UNLEARNED: Final = "unlearned"
_DECIDED: Final = frozenset({"better", "worse", "equivalent"})


@dataclass(frozen=True)
class Answer:
    """The answer of one cell of a study. Names of variants are in backticks.

    Attributes:
        verdict: better, worse, equivalent, undecided, or mixed.
        lead: the first words, for example `Yes:`.
        sentence: the rest of the first sentence.
        details: further sentences: sizes, why nothing is shown, comparisons with controls.
        title: the answer after the question in the title of a page.
    """

    verdict: str
    lead: str
    sentence: str
    details: tuple[str, ...] = ()
    title: str = ""

    @property
    def text(self) -> str:
        """The whole answer."""
        return " ".join([self.lead, self.sentence, *self.details])


def write_answer(
    comparisons: Sequence[Comparison],
    *,
    accuracies: Mapping[str, Sequence[float]],
    controls: Sequence[str] = (),
    unfinished_epochs: int | None = None,
    has_reliable_times: bool = True,
) -> Answer:
    """Return the answer of one cell.

    Args:
        comparisons: the comparisons of the cell, those with the baseline and those with controls.
        accuracies: accuracy of each run, fractions of 1, by variant.
        controls: variants that are controls of others; the answer is not about them.
        unfinished_epochs: number of epochs, if the accuracy still rose by more than the margin in the last.
        has_reliable_times: False if the training times cannot be compared.

    With one variant:

    >>> from foveal.stats import compare_variants
    >>> accuracies = {"none": [0.70, 0.71, 0.72], "cbam": [0.80, 0.805, 0.81]}
    >>> write_answer(compare_variants(accuracies), accuracies=accuracies).text
    'Yes: `cbam` is better, by +9.5 points (interval +7.4 to +11.6).'
    """
    asked = select_attention_variants(
        [each.variant for each in comparisons if each.reference == BASELINE], controls
    )
    main = [each for each in comparisons if each.reference == BASELINE and each.variant in asked]
    if not main:
        sentence = "There is nothing to compare yet: a verdict needs runs of `none` and of another variant."
        return Answer("undecided", "Not tested.", sentence, title="Not tested.")
    answer = _write_answer_of_verdicts(main, comparisons, accuracies)
    details = [*answer.details]
    if answer.lead not in _LEADS_WITHOUT_SIZES:
        answer = _add_condition(answer, _describe_condition(main, unfinished_epochs))
        details += [] if unfinished_epochs is None else [_describe_rise(main)]
    details += [] if has_reliable_times else ["Do not trust the times."]
    return replace(answer, details=(*details, *describe_looks(main)))


def _add_condition(answer: Answer, condition: str) -> Answer:
    """Return the answer with a condition before its first sentence."""
    if not condition:
        return answer
    sentence = answer.sentence[0].lower() + answer.sentence[1:]
    start = condition[0].upper() if answer.lead.endswith(".") else condition[0]
    return replace(answer, sentence=f"{start}{condition[1:]}, {sentence}")


def _describe_condition(main: Sequence[Comparison], unfinished_epochs: int | None) -> str:
    """Return that networks hardly learned, and after how many epochs they still did; empty if neither."""
    parts = []
    guessing = main[0].guessing_accuracy
    best = max(max(each.mean, each.mean - each.difference) for each in main)
    if guessing is not None and best - guessing < _HARDLY_LEARNED * (1 - guessing):
        parts.append(
            f"with networks that hardly learned (at most {100 * best:.1f} % right, and guessing reaches "
            f"{100 * guessing:.1f} %)"
        )
    if unfinished_epochs is not None:
        parts.append(f"after {format_count(unfinished_epochs, 'epoch')}")
    return ", ".join(parts)


def _describe_rise(main: Sequence[Comparison]) -> str:
    """Return what it means that the accuracy still rose in the last epoch."""
    better = [each for each in main if each.verdict == "better"]
    if not better:
        return "Accuracy still rose in the last epoch, so longer training may change this."
    names = _join_variants(better) if len(better) <= _MAX_DETAILS else "the better variants"
    return f"Accuracy still rose in the last epoch: {names} may only learn faster."


def _write_answer_of_verdicts(
    main: Sequence[Comparison],
    comparisons: Sequence[Comparison],
    accuracies: Mapping[str, Sequence[float]],
) -> Answer:
    """Return the answer about comparisons with the baseline, among all comparisons."""
    asked = [each.variant for each in main]
    groups: dict[str, list[Comparison]] = {}
    for each in main:
        groups.setdefault(_classify(each), []).append(each)
    contrasts = _describe_contrasts(comparisons, asked)
    if _UNLEARNED in groups and not groups.keys() & _DECIDED:
        return _write_unlearned_answer(groups[_UNLEARNED], len(main))
    if len(groups) > 1:
        return _write_mixed_answer(groups, contrasts)
    (kind,) = groups
    if kind == "undecided":
        return _write_undecided_answer(main, accuracies, contrasts)
    if kind == _UNTESTED:
        return _write_untested_answer(main)
    return _write_decided_answer(kind, main, contrasts)


def _classify(comparison: Comparison) -> str:
    """Return the verdict, or the reason for which there can be none."""
    if comparison.has_learned_nothing:
        return _UNLEARNED
    before_first_look = comparison.sequential is not None and not comparison.sequential.looks
    return _UNTESTED if comparison.seeds < MIN_SEEDS or before_first_look else comparison.verdict


def _write_decided_answer(
    verdict: str, comparisons: Sequence[Comparison], contrasts: Sequence[str]
) -> Answer:
    """Return the answer if all variants have this verdict: better, worse or equivalent."""
    largest = max(comparisons, key=lambda each: abs(each.difference))
    name, interval = f"`{largest.variant}`", _format_interval(largest)
    count = "both" if len(comparisons) == 2 else f"all {_spell(len(comparisons))}"
    count += " attention variants"
    is_single = len(comparisons) == 1
    points = _format_points(largest)
    if verdict == "better":
        sentence = f"{name} is better, by {points} points (interval {interval})."
        if not is_single:
            sentence = f"{count} are better, {name} most: {points} points (interval {interval})."
        notes = _describe_gains(comparisons, is_only_one=is_single)
        return Answer(verdict, "Yes:", sentence, (*notes, *contrasts), "Yes.")
    if verdict == "worse":
        size = _format_points(largest, signed=False)
        sentence = f"{name} makes it worse, by {size} points (interval {interval})."
        if not is_single:
            sentence = (
                f"{count} make it worse, {name} most: by {size} points (interval {interval})."
            )
        return Answer(verdict, "No:", sentence, tuple(contrasts), "No.")
    margin = f"less than {100 * largest.margin:g} points either way"
    sentence = f"{margin} (interval {interval})."
    if not is_single:
        widest = max(comparisons, key=lambda each: max(map(abs, each.deciding_interval)))
        sentence = (
            f"{margin} for {count} (at most, for `{widest.variant}`, interval "
            f"{_format_interval(widest)})."
        )
    lead = "It makes no difference that matters:"
    return Answer(verdict, lead, sentence, tuple(contrasts), "No difference that matters.")


def _describe_gains(better: Sequence[Comparison], *, is_only_one: bool) -> list[str]:
    """Return a warning if the low end of a gain is below the margin, and that gains are not compared."""
    sentences = []
    if len(better) > 1:
        which = f"{_join_variants(better)} is better" if len(better) == 2 else "these is best"
        sentences.append(f"Which of {which} was not tested.")
    small = [each for each in better if each.interval[0] < each.margin]
    if small:
        subject = "It" if is_only_one else f"The gain of {_join_variants(small)}"
        margin = f"{100 * small[0].margin:g} points"
        sentences.append(f"{subject} may be too small to matter: the margin is {margin}.")
    return sentences


def _write_undecided_answer(
    comparisons: Sequence[Comparison],
    accuracies: Mapping[str, Sequence[float]],
    contrasts: Sequence[str],
) -> Answer:
    """Return the answer if nothing is shown about any variant."""
    seeds = format_count(min(each.seeds for each in comparisons), "seed")
    best = max(comparisons, key=lambda each: each.difference)
    plain = describe_reference(BASELINE)
    possible = "anything" if len(comparisons) == 1 else "the true difference can be anything"
    size = f"{_format_points(best)} points"
    if not math.isnan(best.deciding_interval[0]):
        size += f", but {possible} from {_format_interval(best)}"
        size += " is possible" if len(comparisons) == 1 else ""
    if len(comparisons) == 1:
        sentence = f"With {seeds}, `{best.variant}` cannot be told apart from {plain}: {size}."
        details = []
    else:
        count = _spell(len(comparisons))
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


def _write_untested_answer(comparisons: Sequence[Comparison]) -> Answer:
    """Return the answer for fewer seeds than an interval needs."""
    if any(each.sequential is not None for each in comparisons):
        sentence = "No variant has reached the first look."
        return Answer("undecided", "Not tested.", sentence, title="Not tested.")
    seeds = max(each.seeds for each in comparisons)
    runs = "One run" if seeds == 1 else f"{_spell(seeds).capitalize()} runs of each variant"
    verb = "says nothing" if seeds == 1 else "say too little"
    sentence = f"{runs} {verb} about the method; a verdict needs at least {MIN_SEEDS} seeds."
    return Answer("undecided", "Not tested.", sentence, title="Not tested.")


def _write_unlearned_answer(comparisons: Sequence[Comparison], variant_count: int) -> Answer:
    """Return the answer if the baseline and some of the variants are no better than guessing.

    The reason is its first sentence.
    """
    share = f"{100 * (comparisons[0].guessing_accuracy or 0):.1f} %"
    names = _join_variants(comparisons, "or")
    is_all = len(comparisons) == variant_count > _MAX_DETAILS
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


def _write_mixed_answer(
    groups: Mapping[str, Sequence[Comparison]], contrasts: Sequence[str]
) -> Answer:
    """Return the answer if variants have several verdicts: all of them by name in one sentence."""
    parts = _list_mixed_parts(groups, with_sizes=False)
    title = f"Mixed: {', '.join(parts)}."
    decided = sum(len(groups.get(kind, ())) for kind in _DECIDED)
    if decided <= _MAX_SIZES:
        parts = _list_mixed_parts(groups, with_sizes=True)
    gains = _describe_gains(groups.get("better", ()), is_only_one=False)
    return Answer("mixed", "Mixed:", f"{', '.join(parts)}.", (*gains, *contrasts), title)


def _list_mixed_parts(groups: Mapping[str, Sequence[Comparison]], *, with_sizes: bool) -> list[str]:
    """Return for each verdict the variants that have it, with their differences or without."""
    parts = []
    for kind, singular, plural in (
        ("better", "helps", "help"),
        ("worse", "makes it worse", "make it worse"),
        ("equivalent", "makes no difference that matters", "make no difference that matters"),
        ("undecided", "is undecided", "are undecided"),
        (_UNTESTED, "was not tested", "were not tested"),
        (_UNLEARNED, "is not better than guessing", "are not better than guessing"),
    ):
        if kind not in groups:
            continue
        group = sorted(groups[kind], key=lambda each: -abs(each.difference))
        sized = with_sizes and kind in _DECIDED
        names = [_name_with_size(each) if sized else f"`{each.variant}`" for each in group]
        part = f"{join_with_and(names)} {singular if len(group) == 1 else plural}"
        if kind == _UNLEARNED:
            part += f", which reaches {100 * (group[0].guessing_accuracy or 0):.1f} %"
        parts.append(part)
    return parts


def _name_with_size(comparison: Comparison) -> str:
    """Return a variant with its difference and the interval that decides."""
    size = f"{_format_points(comparison)} points, interval {_format_interval(comparison)}"
    return f"`{comparison.variant}` ({size})"


def _describe_contrasts(comparisons: Sequence[Comparison], asked: Sequence[str]) -> list[str]:
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
            f"{_format_points(each)} points (interval {_format_interval(each)})."
        )
    return sentences


def _format_points(comparison: Comparison, *, signed: bool = True) -> str:
    """Return the difference in points, with one decimal if its interval is wide, otherwise two."""
    decimals = choose_point_decimals(comparison.deciding_interval)
    difference = comparison.difference if signed else abs(comparison.difference)
    text = format_rounded_points(difference, decimals)
    return text if signed else text.lstrip("+")


def _format_interval(comparison: Comparison) -> str:
    """Return the interval that decides, in points, for example `−0.3 to +0.2`."""
    interval = comparison.deciding_interval
    decimals = choose_point_decimals(interval)
    return " to ".join(format_rounded_points(bound, decimals) for bound in interval)


def _join_variants(comparisons: Sequence[Comparison], word: str = "and") -> str:
    """Return the variants in backticks, joined with a word before the last one."""
    names = join_with_and([f"`{each.variant}`" for each in comparisons])
    return names if word == "and" else f" {word} ".join(names.rsplit(" and ", 1))


def _spell(number: int) -> str:
    """Return a small number as a word.

    >>> _spell(4), _spell(12)
    ('four', '12')
    """
    return _NUMBER_WORDS[number] if number < len(_NUMBER_WORDS) else str(number)
