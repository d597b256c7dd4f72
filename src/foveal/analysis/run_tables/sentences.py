"""Sentences about the verdicts on a table of runs."""

from __future__ import annotations

import math
from typing import Final

from foveal.analysis.answer_content import Answer
from foveal.analysis.course import describe_comparison_course, describe_looks
from foveal.stats import (
    MIN_SEEDS,
    Comparison,
    DataJudgment,
    Judgment,
    SelfCheck,
    summarize_data_sets,
)
from foveal.text_format import (
    format_level,
    format_percent,
    join_seeds,
    join_with_and,
    use_minus_signs,
)

_MANY_FALSE_DIFFERENCES: Final = 2
"""Multiple of the expected share of false differences above which a self-check warns."""
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
    if comparison.sequential is not None and not comparison.sequential.looks:
        text = f"{name} is undecided, before its first look"
    elif comparison.seeds < MIN_SEEDS:
        text = f"{name} is undecided, a verdict needs at least {MIN_SEEDS} seeds"
    return use_minus_signs(text)


def list_verdict_sentences(part: DataJudgment) -> list[tuple[str, str]]:
    """Return the variant of each comparison with its verdict and the reason, a sentence."""
    return [
        (each.variant, f"{each.verdict}, {use_minus_signs(each.reason)}.")
        for each in part.comparisons
    ]


def describe_looks_of_design(judgment: Judgment, part: DataJudgment) -> list[tuple[str, str]]:
    """Return what decides each open comparison of a sequential judgment next; empty without a design."""
    if judgment.design is None:
        return []
    return [
        (
            each.variant,
            use_minus_signs(describe_comparison_course(each, judgment.design.looks)) + ".",
        )
        for each in part.comparisons
        if each.sequential is not None and each.sequential.looks and each.sequential.next_look
    ]


def describe_next_runs(part: DataJudgment) -> list[str]:
    """Return sentences that name the runs to train next; empty if nothing is left to decide."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, seeds in part.next_runs.items():
        groups.setdefault(seeds, []).append(name)
    parts = [f"{join_with_and(names)} with {join_seeds(seeds)}" for seeds, names in groups.items()]
    if part.new_design is not None:
        first, count = part.new_design
        return [
            f"Next: a new table with seeds from {first} on, and a new design with --max-seeds {count}. More "
            "seeds in this table would be wrong too often."
        ]
    if not parts:
        return []
    if not part.is_new_study:
        return [f"Next runs: {'; '.join(parts)}."]
    return [
        f"Next: a new table with {'; '.join(parts)}. More seeds in this table, until a difference shows, "
        "would be wrong too often."
    ]


def describe_data_summaries(judgment: Judgment) -> list[str]:
    """Return a sentence or two about each variant over all data sets; empty with fewer than five of them."""
    unit, texts = judgment.scale.unit, []
    for each in summarize_data_sets(judgment):
        effects = each.effects
        size = f"{unit.format_signed(effects.mean)}{unit.suffix}"
        interval = " to ".join(unit.format_ends(effects.interval))
        prediction = " to ".join(unit.format_ends(effects.prediction_interval))
        texts.append(
            use_minus_signs(
                f"Over {effects.data_sets} data sets, `{each.variant}` differs from `{each.reference}` by "
                f"{size} on average ({format_level(effects.level)} interval {interval}). On another data set, "
                f"the difference is expected from {prediction}{unit.suffix}."
            )
        )
    return texts


def describe_self_check(check: SelfCheck) -> str:
    """Return the result of a self-check and what it means.

    >>> check = SelfCheck("", "none", 4, 100, 2, 0.95)
    >>> describe_self_check(check)[:90]
    'Self-check: of 100 random splits of the 4 runs of none into halves of 2 (3 different ones,'
    """
    share = f"{format_percent(check.different / check.repeats, 1)} %"
    promised = f"{100 * (1 - check.level):.3g} %"
    prefix = f"{check.data}, self-check" if check.data else "Self-check"
    few = f" ({check.split_count} different ones, few)" if check.split_count < check.repeats else ""
    meaning = f"Both halves are the same method, and about {promised} are expected."
    if check.different > _MANY_FALSE_DIFFERENCES * (1 - check.level) * check.repeats:
        meaning += (
            " This is more: some runs are far from the others, or the table holds copies. Do not trust a "
            "verdict of this size."
        )
    return (
        f"{prefix}: of {check.repeats:,} random splits of the {check.runs} runs of {check.baseline} into "
        f"halves of {check.half}{few}, {check.different:,} were called different ({share}). {meaning}"
    )


def list_remarks(judgment: Judgment) -> list[tuple[str, str]]:
    """Return remarks with their kind: suspicions, checks that could not be made, and notes."""
    return [
        *(("Check", each.text) for each in judgment.suspicions),
        *(("Not checked", text) for text in judgment.unchecked),
        *(("Note", text) for text in judgment.notes),
    ]
