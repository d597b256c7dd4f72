"""Answer of a study in one sentence, the same in the terminal, in the title of the report and on its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from foveal.analysis.answer_content import Answer
from foveal.analysis.answer_kinds import DECIDED, UNLEARNED, UNTESTED, classify_comparison
from foveal.analysis.answer_phrases import MAX_NAMED_VARIANTS, join_variants
from foveal.analysis.answers_with_verdict import write_decided_answer, write_mixed_answer
from foveal.analysis.answers_without_verdict import (
    write_undecided_answer,
    write_unlearned_answer,
    write_untested_answer,
)
from foveal.analysis.control_contrasts import describe_contrasts
from foveal.analysis.course import describe_looks
from foveal.analysis.display_names import select_attention_variants
from foveal.stats import Comparison
from foveal.text_format import format_count, format_percent
from foveal.variant_names import BASELINE

_HARDLY_LEARNED: Final = 0.1
"""Share of the errors of guessing of which networks that hardly learned avoid less."""
_LEADS_WITHOUT_SIZES: Final = frozenset({"Not tested.", "Not shown:"})


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
            f"with networks that hardly learned (at most {format_percent(best, 1)} % right, and guessing "
            f"reaches {format_percent(guessing, 1)} %)"
        )
    if unfinished_epochs is not None:
        parts.append(f"after {format_count(unfinished_epochs, 'epoch')}")
    return ", ".join(parts)


def _describe_rise(main: Sequence[Comparison]) -> str:
    """Return what it means that the accuracy still rose in the last epoch."""
    better = [each for each in main if each.verdict == "better"]
    if not better:
        return "Accuracy still rose in the last epoch, so longer training may change this."
    names = join_variants(better) if len(better) <= MAX_NAMED_VARIANTS else "the better variants"
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
        groups.setdefault(classify_comparison(each), []).append(each)
    contrasts = describe_contrasts(comparisons, asked)
    if UNLEARNED in groups and not groups.keys() & DECIDED:
        return write_unlearned_answer(groups[UNLEARNED], len(main))
    if len(groups) > 1:
        return write_mixed_answer(groups, contrasts)
    (kind,) = groups
    if kind == "undecided":
        return write_undecided_answer(main, accuracies, contrasts)
    if kind == UNTESTED:
        return write_untested_answer(main)
    return write_decided_answer(kind, main, contrasts)
