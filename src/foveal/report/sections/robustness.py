"""Robustness section: accuracy on corrupted and occluded images by severity."""

from __future__ import annotations

from matplotlib.figure import Figure

from foveal.analysis import RobustnessCurves, collect_robustness_curves
from foveal.plotting import (
    draw_robustness_curves,
    format_robustness_caption,
    get_variant_style,
    use_report_style,
)
from foveal.report.blocks import Callout, Collapsible, FigureBlock, Section, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.warnings import missing_extra_message
from foveal.text_format import shorten_names
from foveal.text_tables import Table


def build_robustness_section(cell: CellView) -> Section:
    """Return the accuracy curves by condition, and a table of the highest severity."""
    name, title = f"robustness{cell.suffix}", cell.add_label("Robustness")
    robustness = collect_robustness_curves(cell.list_extras("robustness"))
    if robustness is None:
        return Section(name, title, (Callout(missing_extra_message(cell, "robustness curves")),))
    figure = FigureBlock(
        name=name,
        figure=_draw_robustness_panels(cell, robustness),
        description="Test accuracy by severity, with one panel per condition and one line per variant.",
        caption=format_robustness_caption(
            robustness.image_count,
            robustness.occluded_shares,
            has_several_seeds=cell.has_several_seeds,
        ),
    )
    table = _build_worst_severity_table(cell, robustness)
    return Section(name, title, (figure, Collapsible(table.table.title, (table,))))


def _build_worst_severity_table(cell: CellView, robustness: RobustnessCurves) -> TableBlock:
    """Return a table of the accuracies at the highest severity of each condition."""
    curves = next(iter(robustness.curves.values()))
    clean = [f"{100 * curve.accuracy[:, 0].mean():.1f}" for curve in curves.values()]
    rows = [("original images", *clean)]
    for condition, by_variant in robustness.curves.items():
        worst = [f"{100 * curve.accuracy[:, -1].mean():.1f}" for curve in by_variant.values()]
        rows.append((condition, *worst))
    headings = ("condition", *(group.variant for group in cell.groups))
    note = "Test accuracy in %" + (", mean over the seeds." if cell.has_several_seeds else ".")
    table = Table("Accuracy at the highest severity", headings, tuple(rows), note)
    return TableBlock(f"robustness{cell.suffix}", table)


@use_report_style()
def _draw_robustness_panels(cell: CellView, robustness: RobustnessCurves) -> Figure:
    """Draw one panel per condition and one line per variant, in the style of the other figures."""
    styles = {group.variant: get_variant_style(group.style_index) for group in cell.groups}
    names = shorten_names(styles, 24)
    return draw_robustness_curves(
        {
            condition: {names[variant]: curve for variant, curve in by_variant.items()}
            for condition, by_variant in robustness.curves.items()
        },
        styles={names[variant]: style for variant, style in styles.items()},
    )
