"""Runs of a comparison: those of the seeds that both variants have."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison


def select_common_runs(
    cell: StudyRecord, comparison: Comparison
) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return the runs of the variant and of the reference that enter a comparison, by seed."""
    return keep_common_seeds(cell.get_runs(comparison.variant), cell.get_runs(comparison.reference))


def keep_common_seeds(
    runs: Sequence[RunRecord], others: Sequence[RunRecord]
) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return the runs of two variants whose seeds both have."""
    common = {run.results["seed"] for run in runs} & {run.results["seed"] for run in others}
    first, second = (
        [run for run in group if run.results["seed"] in common] for group in (runs, others)
    )
    return first, second
