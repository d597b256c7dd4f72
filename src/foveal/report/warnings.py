"""What a reader has to know before the numbers: what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis.variant_runs import VariantRuns
from foveal.records import StudyRecord
from foveal.report.cell_view import Part
from foveal.stats import MIN_SEEDS
from foveal.text_format import format_count
from foveal.variant_names import BASELINE


def missing_pieces(study: StudyRecord, arms: Sequence[VariantRuns]) -> list[str]:
    """Say, one sentence each, what a reader has to know before the numbers."""
    return [
        *missing_runs(study, arms),
        *missing_verdicts(arms),
        *differing_data(arms),
    ]


def missing_runs(study: StudyRecord, arms: Sequence[VariantRuns]) -> list[str]:
    """Say which variants have fewer or more finished seeds than planned."""
    planned = study.design.planned_seeds
    finished = {arm.variant: len(arm.runs) for arm in arms}
    fewer = [f"{v} ({n})" for v in study.variants if (n := finished.get(v, 0)) < planned]
    more = [f"{v} ({n})" for v, n in finished.items() if n > planned]
    sentences = []
    if fewer:
        sentences.append(
            f"The study is not finished. It was planned for {format_count(planned, 'seed')}; fewer have: "
            f"{', '.join(fewer)}. The command that started it trains the rest."
        )
    if more:
        sentences.append(
            f"The study was planned for {format_count(planned, 'seed')}; more have: {', '.join(more)}. Whoever "
            "adds seeds after a look at the result raises the chance of a false alarm above what "
            "the level of the intervals says."
        )
    return sentences


def missing_verdicts(arms: Sequence[VariantRuns]) -> list[str]:
    """Say why there is no difference or no interval, and how to get one."""
    by_name = {arm.variant: arm for arm in arms}
    if BASELINE not in by_name:
        return [
            f"No difference can be given: no run of the baseline {BASELINE} is finished. "
            f"Train it with the others: --attention {','.join([BASELINE, *by_name])}."
        ]
    if len(arms) == 1:
        return [f"There is nothing to compare: only {BASELINE} has finished runs."]
    few = [arm.variant for arm in arms if len(arm.runs) < MIN_SEEDS]
    if few:
        return [
            f"No interval without {MIN_SEEDS} seeds in both arms; fewer have: {', '.join(few)}. "
            f"Train more with --seeds {MIN_SEEDS}."
        ]
    return []


def differing_data(arms: Sequence[VariantRuns]) -> list[str]:
    """Say so if not all runs read the same data."""
    checksums = {run.results["data_checksum"] for arm in arms for run in arm.runs}
    if len(checksums) > 1:
        return ["The runs did not all read the same data: their checksums differ, see below."]
    return []


def nothing_left(part: Part, what: str, those: str, them: str) -> str:
    """Say that runs have not left what a section shows, and how to get it; the last two are its pronouns."""
    found = (
        f"This run has left no {what}."
        if part.single
        else f"A run has left no {what}, or {those} of other images than the rest."
    )
    return f"{found} A run leaves {them} when it is trained without --no-extras."
