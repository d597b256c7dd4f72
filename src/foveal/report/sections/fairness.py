"""Section on fairness: a checklist of what a reader may rely on, and where to be careful."""

from __future__ import annotations

from foveal.analysis.fairness import check_fairness
from foveal.report.blocks import Checklist, Section
from foveal.report.cell_view import CellView


def build_fairness_section(cell: CellView) -> Section | None:
    """Return the checklist of a cell; None for a single run, which compares nothing."""
    if cell.study is None:
        return None
    checks = tuple(
        (check.is_fine, check.title, check.text)
        for check in check_fairness(cell.study, cell.comparisons)
    )
    return Section(f"fair{cell.suffix}", "Is it a fair comparison?", (Checklist(checks),))
