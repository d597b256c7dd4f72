"""Runs of a comparison: those of the seeds that both variants have."""

from __future__ import annotations

from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison


def select_common_runs(
    cell: StudyRecord, comparison: Comparison
) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return the runs of the variant and of the reference that enter a comparison, by seed."""
    runs, others = cell.get_runs(comparison.variant), cell.get_runs(comparison.reference)
    common = {run.results["seed"] for run in runs} & {run.results["seed"] for run in others}
    first, second = (
        [run for run in group if run.results["seed"] in common] for group in (runs, others)
    )
    return first, second
