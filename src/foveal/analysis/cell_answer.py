"""Answer of one cell of a study from its records: the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foveal.analysis.answer import write_answer
from foveal.analysis.answer_content import Answer
from foveal.analysis.answer_phrases import MAX_NAMED_VARIANTS
from foveal.analysis.costs import list_variant_costs
from foveal.analysis.next_steps import count_epochs, find_last_epoch_gains
from foveal.analysis.training_times import has_reliable_times
from foveal.records import StudyRecord
from foveal.stats import Comparison
from foveal.text_format import format_fixed, join_with_and
from foveal.variant_names import BASELINE, has_attention


def write_cell_answer(cell: StudyRecord, comparisons: Sequence[Comparison]) -> Answer:
    """Return the answer of one cell.

    Args:
        cell: the study of one cell, with a finished run.
        comparisons: the comparisons of the cell.
    """
    gains = find_last_epoch_gains(cell, cell.design.margin / 100)
    answer = write_answer(
        comparisons,
        accuracies=cell.accuracies,
        controls=cell.design.controls,
        unfinished_epochs=count_epochs(cell) if gains else None,
        has_reliable_times=has_reliable_times(cell),
    )
    time = _describe_training_time(cell, comparisons)
    return replace(answer, details=(time, *answer.details)) if time else answer


def _describe_training_time(cell: StudyRecord, comparisons: Sequence[Comparison]) -> str:
    """Return what the better variants cost in training time; empty without reliable times of steps."""
    costs = {cost["variant"]: cost for cost in list_variant_costs(cell)}
    better = [
        each.variant
        for each in comparisons
        if each.reference == BASELINE
        and each.verdict == "better"
        and has_attention(each.variant)
        and each.variant in costs
    ]
    timed = [costs[variant] for variant in (BASELINE, *better) if variant in costs]
    if not better or len(timed) == len(better):
        return ""
    if not all(cost["has_reliable_time"] and cost["step_seconds"] for cost in timed):
        return ""
    plain = timed[0]["training_seconds"]
    ratios = [format_fixed(cost["training_seconds"] / plain, 2) for cost in timed[1:]]
    if len(better) > MAX_NAMED_VARIANTS:
        low, high = min(ratios, key=float), max(ratios, key=float)
        return f"The better variants take {low} to {high} times the training time."
    parts = [f"`{name}` {ratio}" for name, ratio in zip(better, ratios, strict=True)]
    parts[0] = f"`{better[0]}` takes {ratios[0]}"
    return f"{join_with_and(parts)} times the training time."
