"""Sentences about the verdicts on a table of runs."""

from __future__ import annotations

import math
from typing import Final

from foveal.analysis.answer_content import Answer
from foveal.analysis.course import describe_looks
from foveal.stats import MIN_SEEDS, Comparison, DataJudgment, Judgment
from foveal.text_format import join_seeds, join_with_and, use_minus_signs

_VERDICTS: Final = ("better", "worse", "equivalent", "undecided")


def write_judgment_answer(judgment: Judgment, part: DataJudgment) -> str:
    """Return the answer about one data set in a sentence, with the names of variants in backticks.

    >>> from foveal.stats import judge
    >>> table = {"none": [0.70, 0.71, 0.72], "cbam": [0.80, 0.805, 0.81]}
    >>> judgment = judge(table, margin=0.005, test_images=1000)
    >>> write_judgment_answer(judgment, judgment.parts[0])
    'Compared with `none`: `cbam` is better by 9.50 points (interval +7.42 to +11.58).'
    """
    groups: dict[str, list[Comparison]] = {verdict: [] for verdict in _VERDICTS}
    for comparison in part.comparisons:
        groups[comparison.verdict].append(comparison)
    clauses = [clause for verdict in _VERDICTS for clause in _list_clauses(groups[verdict])]
    prefix = f"{part.data}, compared" if part.data else "Compared"
    if not clauses:
        return f"{prefix} with `{judgment.baseline}`: nothing, no variant has a seed in common with it."
    looks = " ".join(["", *describe_looks(part.comparisons)])
    best = " These are best epochs, not final values." if judgment.is_best else ""
    return f"{prefix} with `{judgment.baseline}`: {'; '.join(clauses)}.{best}{looks}"


def make_judgment_answer(judgment: Judgment, part: DataJudgment) -> Answer:
    """Return the answer about one data set for a report: the verdict of all variants, then the sentence."""
    verdicts = {each.verdict for each in part.comparisons}
    verdict = verdicts.pop() if len(verdicts) == 1 else "mixed" if verdicts else "undecided"
    lead = f"{verdict.capitalize()}."
    return Answer(verdict, lead, write_judgment_answer(judgment, part), title=lead)


def _list_clauses(comparisons: list[Comparison]) -> list[str]:
    """Return a clause per comparison; those of one verdict stand by the size of their difference."""
    return [
        _write_clause(each) for each in sorted(comparisons, key=lambda each: -abs(each.difference))
    ]


def _write_clause(comparison: Comparison) -> str:
    """Return a variant, its verdict, its difference and the interval that decides."""
    unit, name = comparison.unit, f"`{comparison.variant}`"
    interval = "no interval"
    if not math.isnan(comparison.deciding_interval[0]):
        interval = f"interval {' to '.join(unit.format_ends(comparison.deciding_interval))}"
    size = f"{unit.format_size(comparison.difference)}{unit.suffix}"
    signed = f"{unit.format_signed(comparison.difference)}{unit.suffix}"
    text = {
        "better": f"{name} is better by {size} ({interval})",
        "worse": f"{name} is worse by {size} ({interval})",
        "equivalent": f"{name} is equivalent, {signed} ({interval})",
        "undecided": f"{name} is undecided, {signed} ({interval})",
    }[comparison.verdict]
    if comparison.seeds < MIN_SEEDS:
        text = f"{name} is undecided, a verdict needs at least {MIN_SEEDS} seeds"
    return use_minus_signs(text)


def list_verdict_sentences(part: DataJudgment) -> list[tuple[str, str]]:
    """Return the variant of each comparison with its verdict and the reason, a sentence."""
    return [
        (each.variant, f"{each.verdict}, {use_minus_signs(each.reason)}.")
        for each in part.comparisons
    ]


def describe_next_runs(part: DataJudgment) -> list[str]:
    """Return sentences that name the runs to train next; empty if nothing is left to decide."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, seeds in part.next_runs.items():
        groups.setdefault(seeds, []).append(name)
    parts = [f"{join_with_and(names)} with {join_seeds(seeds)}" for seeds, names in groups.items()]
    if not parts:
        return []
    if not part.is_new_study:
        return [f"Next runs: {'; '.join(parts)}."]
    return [
        f"Next: a new table with {'; '.join(parts)}. More seeds in this table, until a difference shows, "
        "would be wrong too often."
    ]


def list_remarks(judgment: Judgment) -> list[tuple[str, str]]:
    """Return remarks with their kind: suspicions, checks that could not be made, and notes."""
    return [
        *(("Check", each.text) for each in judgment.suspicions),
        *(("Not checked", text) for text in judgment.unchecked),
        *(("Note", text) for text in judgment.notes),
    ]
