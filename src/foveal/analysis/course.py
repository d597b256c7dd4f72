"""Course of a sequential study in words: where its comparisons stopped, and what that means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from foveal.analysis.display_names import name_comparison
from foveal.analysis.variant_runs import compare_cell_variants, plan_design_looks
from foveal.records import StudyRecord
from foveal.stats import Comparison, SequentialDesign
from foveal.text_format import join_with_and

_OPEN: Final = "open"


def describe_course(cell: StudyRecord) -> list[str]:
    """Return a line per comparison of one cell of a sequential study: its last look, and what decides next.

    What decides is half of the interval at the next look, if runs go on to differ as much from seed to seed.
    """
    design = plan_design_looks(cell.design)
    if design is None:
        return []
    lines = []
    for comparison in compare_cell_variants(cell):
        course = describe_comparison_course(comparison, design)
        lines.append(f"{name_comparison(comparison)}: {course}")
    return lines


def describe_comparison_course(comparison: Comparison, design: SequentialDesign) -> str:
    """Return the last look of a comparison in its unit, and what decides next."""
    result = comparison.sequential
    if result is None or not result.looks:
        return f"first look at {design.looks[0]} seeds"
    unit = comparison.unit
    seen = f"at {comparison.seeds} seeds {unit.format_signed(comparison.difference)}{unit.suffix}"
    if not math.isnan(comparison.interval[0]):
        seen += f" ({' to '.join(unit.format_ends(comparison.interval))})"
    if result.next_look is None:
        words = {"unlikely": "stopped, a verdict had become unlikely"}
        return f"{seen}, {words.get(result.stop or '', comparison.verdict)}"
    boundary = compute_next_boundary(comparison, design)
    if boundary is None:
        return f"{seen}; the next look is at {result.next_look} seeds"
    return (
        f"{seen}; at {result.next_look} seeds more than {unit.format_size(boundary)}{unit.suffix} decide, "
        "if seeds differ as before"
    )


def compute_next_boundary(comparison: Comparison, design: SequentialDesign) -> float | None:
    """Return half of the interval at the next look, if runs go on to differ as much; None without one.

    A larger difference decides.
    """
    result = comparison.sequential
    if result is None or result.next_look is None or comparison.seed_sd is None:
        return None
    look = design.looks.index(result.next_look)
    return float(design.compute_half_width(look, comparison.seed_sd))


def describe_looks(comparisons: Sequence[Comparison]) -> list[str]:
    """Return sentences on where the comparisons of a sequential study stopped; none for other studies."""
    groups: dict[tuple[str, int], list[str]] = {}
    for comparison in comparisons:
        result = comparison.sequential
        if result is None:
            continue
        seeds = result.next_look or comparison.seeds
        groups.setdefault((result.stop or _OPEN, seeds), []).append(f"`{comparison.variant}`")
    sentences = []
    for (stop, seeds), variants in sorted(groups.items()):
        names = join_with_and(variants)
        were = "was" if len(variants) == 1 else "were"
        sentences.append(
            {
                "verdict": f"{names} {were} decided at {seeds} seeds.",
                "unlikely": f"{names} stopped at {seeds} seeds, because a verdict had become unlikely, "
                "which does not show that there is no difference.",
                "last look": f"{names} reached the last look, at {seeds} seeds.",
                _OPEN: f"The next look at {names} is at {seeds} seeds.",
            }[stop]
        )
    found = {"better", "worse"}
    if any(
        each.sequential and each.sequential.stop and each.verdict in found for each in comparisons
    ):
        sentences.append(
            "A difference that is found is likely smaller than it looks, most at early looks."
        )
    return sentences
