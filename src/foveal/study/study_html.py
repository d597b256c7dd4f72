"""A study in a notebook: its answer and a table of its variants."""

from __future__ import annotations

from html import escape
from typing import Final

import numpy as np

from foveal.analysis import compare_cell_variants, write_cell_answer
from foveal.records import StudyRecord
from foveal.text_format import (
    ABSENT_VALUE,
    format_count,
    format_interval,
    format_mean_and_sd,
    format_points,
)
from foveal.text_tables import Table, render_html
from foveal.variant_names import BASELINE

_MAX_CELLS: Final = 4


def render_study_html(study: StudyRecord) -> str:
    """Return answer and table of each cell of a study as HTML; of a large grid the first cells."""
    cells = [cell for cell in study.split_by_cell() if cell.runs]
    if not cells:
        return f"<p>{escape(study.folder.name)}: no finished run yet.</p>"
    parts = [_render_cell(cell) for cell in cells[:_MAX_CELLS]]
    if len(cells) > _MAX_CELLS:
        more = format_count(len(cells) - _MAX_CELLS, "more setting")
        parts.append(f"<p>{more}: verdicts() has all.</p>")
    return "".join(parts)


def _render_cell(cell: StudyRecord) -> str:
    """Return answer and table of one cell."""
    comparisons = compare_cell_variants(cell)
    by_variant = {each.variant: each for each in comparisons if each.reference == BASELINE}
    rows = []
    for variant, accuracies in cell.accuracies.items():
        if not accuracies:
            continue
        row = [variant, str(len(accuracies)), format_mean_and_sd(np.array(accuracies))]
        comparison = by_variant.get(variant)
        if comparison is None:
            row += [ABSENT_VALUE, ABSENT_VALUE, "baseline" if variant == BASELINE else ABSENT_VALUE]
        else:
            is_known = comparison.detectable_difference is not None
            interval = format_interval(comparison.interval) if is_known else ABSENT_VALUE
            row += [format_points(comparison.difference), interval, comparison.verdict]
        rows.append(tuple(row))
    label = f": {cell.cell.label}" if cell.cell and cell.cell.label else ""
    table = Table(
        f"{cell.folder.name}{label}",
        ("variant", "seeds", "test accuracy in %", "points to none", "interval", "verdict"),
        tuple(rows),
        text_headings=("verdict",),
    )
    answer = write_cell_answer(cell, comparisons).text.replace("`", "")
    return f"<p>{escape(answer)}</p>{render_html(table)}"
