"""Warnings at the top of a report: unfinished runs, missing verdicts, differing data."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis import VariantRuns
from foveal.records import StudyRecord
from foveal.report.cell_view import CellView
from foveal.stats import MIN_SEEDS
from foveal.text_format import format_count
from foveal.variant_names import BASELINE


def list_warnings(study: StudyRecord, groups: Sequence[VariantRuns]) -> list[str]:
    """Return one sentence for each thing that a reader must know before the numbers."""
    return [
        *_list_seed_warnings(study, groups),
        *_list_verdict_warnings(groups),
        *_list_data_warnings(groups),
    ]


def _list_seed_warnings(study: StudyRecord, groups: Sequence[VariantRuns]) -> list[str]:
    """Return warnings for variants with fewer or more finished seeds than planned."""
    planned = study.design.planned_seeds
    finished = {group.variant: len(group.runs) for group in groups}
    fewer = [f"{v} ({n})" for v in study.variants if (n := finished.get(v, 0)) < planned]
    more = [f"{v} ({n})" for v, n in finished.items() if n > planned]
    warnings = []
    if fewer and not study.design.looks:  # a sequential study stops each variant at a look
        warnings.append(
            f"The study is not finished. {format_count(planned, 'seed')} were planned, and these variants "
            f"have fewer: {', '.join(fewer)}. Run the same command again to train the rest."
        )
    if more:
        warnings.append(
            f"The study was planned for {format_count(planned, 'seed')}, and these variants have more: "
            f"{', '.join(more)}. Adding seeds after a look at the result raises the rate of false positives "
            "above the level of the intervals."
        )
    return warnings


def _list_verdict_warnings(groups: Sequence[VariantRuns]) -> list[str]:
    """Return a warning if differences or intervals are missing, with the option that adds them."""
    variants = [group.variant for group in groups]
    if BASELINE not in variants:
        return [
            f"There are no differences, because no run of `{BASELINE}` is finished. "
            f"Train it together with the others: --attention {','.join([BASELINE, *variants])}."
        ]
    if len(groups) == 1:
        return [f"There is nothing to compare: only {BASELINE} has finished runs."]
    few = [group.variant for group in groups if len(group.runs) < MIN_SEEDS]
    if few:
        return [
            f"An interval needs {MIN_SEEDS} seeds of both variants, and these have fewer: "
            f"{', '.join(few)}. Train more with --seeds {MIN_SEEDS}."
        ]
    return []


def _list_data_warnings(groups: Sequence[VariantRuns]) -> list[str]:
    """Return a warning if the runs were trained or tested on different data."""
    checksums = {run.results["data_checksum"] for group in groups for run in group.runs}
    if len(checksums) > 1:
        return ["The runs did not all read the same data. How it was done lists their checksums."]
    return []


def missing_extra_message(cell: CellView, extra: str) -> str:
    """Return the message for a section whose extra is not stored, and the option that stores it."""
    problem = (
        f"This run has not stored {extra}."
        if cell.is_single_run
        else f"At least one run has not stored {extra}, or was measured on other images."
    )
    return f"{problem} Train without --no-extras to store it."
