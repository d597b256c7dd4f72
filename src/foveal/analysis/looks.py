"""Looks of a sequential study: the design of its comparisons, and the seeds that they need next."""

from __future__ import annotations

from foveal.analysis.variant_runs import compare_cell_variants
from foveal.records import StudyRecord
from foveal.stats.next_seeds import count_needed_seeds
from foveal.variant_names import BASELINE


def count_seeds_needed(cell: StudyRecord) -> dict[str, int]:
    """Return the seeds that each variant of one cell needs for the next looks, 0 if it may stop.

    A variant, a control or the baseline goes on while any of its comparisons is open. A comparison is decided
    by its own runs alone, so the answer does not depend on the order in which runs end.
    """
    design = cell.design
    pairs = [(v, BASELINE) for v in design.variants if v != BASELINE] + [*design.contrasts]
    needed = count_needed_seeds(compare_cell_variants(cell), pairs, first_look=design.looks[0])
    return {**dict.fromkeys(design.variants, 0), **needed}
