"""Looks of a sequential study: the design of its comparisons, and the seeds that they need next."""

from __future__ import annotations

from foveal.analysis.variant_runs import compare_cell_variants
from foveal.records import StudyRecord
from foveal.variant_names import BASELINE


def count_seeds_needed(cell: StudyRecord) -> dict[str, int]:
    """Return the seeds that each variant of one cell needs for the next looks, 0 if it may stop.

    A variant, a control or the baseline goes on while any of its comparisons is open. A comparison is decided
    by its own runs alone, so the answer does not depend on the order in which runs end.
    """
    design = cell.design
    next_looks = {
        (comparison.variant, comparison.reference): comparison.sequential.next_look
        for comparison in compare_cell_variants(cell)
        if comparison.sequential is not None
    }
    needed = dict.fromkeys(design.variants, 0)
    for pair in [(v, BASELINE) for v in design.variants if v != BASELINE] + [*design.contrasts]:
        next_look = next_looks.get(pair, design.looks[0])
        for variant in pair:
            needed[variant] = max(needed[variant], next_look or 0)
    return needed
