"""Robustness section: accuracy on corrupted and occluded images by severity, one small panel a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from foveal.analysis import RobustnessCurves, VariantRuns, collect_robustness_curves
from foveal.plotting import SvgCanvas, choose_ticks, format_tick, get_hue, locate_on_axis
from foveal.report.blocks import (
    Callout,
    FigureBlock,
    FigureGrid,
    Fold,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.report.warnings import missing_extra_message
from foveal.text_format import MINUS, format_percent, shorten_name
from foveal.text_tables import Table

_WIDTH, _HEIGHT = 176.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 28.0, 168.0, 24.0, 126.0
_LABEL_WIDTH: Final = 64.0
_LABEL_HEIGHT: Final = 12.0
_MAX_UNLABELED: Final = 4
"""Largest style index up to which color and marker alone tell lines apart."""
_CONDITION_TITLES: Final = {
    "occlusion": "part hidden",
    "contrast": "low contrast",
    "pixelate": "coarse pixels",
    "jpeg": "JPEG artifacts",
}


def build_robustness_section(cell: CellView) -> Section:
    """Return the panels of all conditions, and a table of the highest severity folded."""
    name, title = f"robustness{cell.suffix}", "Robustness"
    robustness = collect_robustness_curves(cell.list_extras("robustness"))
    if robustness is None:
        return Section(name, title, (Callout(missing_extra_message(cell, "robustness curves")),))
    curves = robustness.curves
    highest = max(float(c.accuracy.max()) for by in curves.values() for c in by.values())
    ticks = choose_ticks(0.0, 100 * highest, 4)
    figures = tuple(
        _draw_panel(cell, condition, by_variant, ticks) for condition, by_variant in curves.items()
    )
    table = TableBlock(name, _build_worst_severity_table(cell, robustness))
    grid = FigureGrid(figures, min(max(len(figures), 3), 6 if _find_right(cell) == _RIGHT else 4))
    if len(cell.groups) > 1 and _find_largest_gap(robustness) < _compute_noise(robustness):
        text = (
            f"No variant is clearly more robust than another ({robustness.image_count:,} images are too "
            "few)."
        )
        hint = f"{len(figures)} panels and a table"
        inside = (Paragraph(_explain(cell, robustness)), grid, table)
        return Section(name, title, (Paragraph(text), Fold("Accuracy by severity", hint, inside)))
    fold = Fold("Accuracy at the highest severity", "table", (table,))
    return Section(name, title, (Paragraph(_explain(cell, robustness)), grid, fold))


def _compute_noise(robustness: RobustnessCurves) -> float:
    """Return the difference in points under which nothing is to be read from a difference."""
    # Two standard errors of an accuracy of 50 %: all seeds and variants see the same few images.
    return 100 * 2 * float(np.sqrt(0.25 / robustness.image_count))


def _find_largest_gap(robustness: RobustnessCurves) -> float:
    """Return the largest difference between the means of two variants at a severity, in points."""
    gaps = [
        float(np.ptp([curve.accuracy.mean(axis=0) for curve in by_variant.values()], axis=0).max())
        for by_variant in robustness.curves.values()
    ]
    return 100 * max(gaps)


def _explain(cell: CellView, robustness: RobustnessCurves) -> str:
    """Return how to read the panels, how much is noise, and where all variants fail alike."""
    count = robustness.image_count
    noise = _compute_noise(robustness)
    mean = ", mean of the seeds," if cell.has_several_seeds else ""
    falls = {
        condition: [
            100 * float(curve.accuracy[:, -1].mean() - curve.accuracy[:, 0].mean())
            for curve in by_variant.values()
        ]
        for condition, by_variant in robustness.curves.items()
    }
    worst = min(falls, key=lambda condition: max(falls[condition]))
    low, high = min(falls[worst]), max(falls[worst])
    sentences = [
        f"Accuracy (%){mean} on {count:,} test images that get worse step by step: severity 0 is the image "
        "as it is. "
        f"Read a difference of under about {noise:.0f} points as noise."
    ]
    if high < -noise:
        span = (
            f"{MINUS}{-low:.0f} to {MINUS}{-high:.0f}"
            if len(falls[worst]) > 1
            else f"{MINUS}{-low:.0f}"
        )
        sentences.append(
            f"All fail with {_name_condition(worst)} ({span} points at the highest severity, against "
            "severity 0)."
        )
    if robustness.occluded_shares:
        shares = ", ".join(f"{100 * share:.0f}" for share in robustness.occluded_shares)
        sentences.append(f"Hidden parts are {shares} % of the image.")
    return " ".join(sentences)


def _name_condition(condition: str) -> str:
    """Return the title of a condition."""
    return _CONDITION_TITLES.get(condition, condition)


def _find_right(cell: CellView) -> float:
    """Return the right end of a panel: with room for names where colors repeat."""
    many = max(group.style_index for group in cell.groups) > _MAX_UNLABELED
    return _RIGHT + _LABEL_WIDTH if many else _RIGHT


def _draw_panel(
    cell: CellView, condition: str, curves: Mapping[str, Any], ticks: Sequence[float]
) -> FigureBlock:
    """Draw one condition with one line per variant."""
    has_labels = _find_right(cell) > _RIGHT
    canvas = SvgCanvas(_WIDTH + (_LABEL_WIDTH if has_labels else 0), _HEIGHT)
    title = _name_condition(condition)
    canvas.add_text(_LEFT, 14, title, "tt")
    for tick in ticks:
        y = _locate(tick, ticks)
        canvas.add_line(_LEFT, y, _RIGHT, y, "grid")
        canvas.add_text(_LEFT - 5, y + 4, format_tick(tick), anchor="end")
    severities = next(iter(curves.values())).severity
    for severity in severities:
        x = _place(float(severity), severities)
        canvas.add_text(x, _HEIGHT - 7, format_tick(float(severity)), anchor="middle")
    shown, ends = [], []
    # The baseline is drawn last, over the others.
    for group in sorted(cell.groups, key=lambda each: each.style_index == 0):
        curve = curves[group.variant]
        means = 100 * curve.accuracy.mean(axis=0)
        points = [
            (_place(float(severity), severities), _locate(float(mean), ticks))
            for severity, mean in zip(severities, means, strict=True)
        ]
        width = 2.5 if group.style_index == 0 else 1.75
        color = f"s v{get_hue(group.style_index)}"
        canvas.add_curve(points, color, index=group.style_index, width=width)
        for x, y in (points[0], points[-1]):
            canvas.add_marker(group.style_index, x, y, 2.8)
        ends.append((points[-1][1], group))
        shown.append(f"{group.variant} {means[0]:.0f} to {means[-1]:.0f} %")
    if has_labels:
        _write_labels(canvas, ends)
    description = f"{title}: {'; '.join(shown)}"
    return FigureBlock(
        f"robustness-{condition}{cell.suffix}", canvas.render(description), description
    )


def _write_labels(canvas: SvgCanvas, ends: Sequence[tuple[float, VariantRuns]]) -> None:
    """Write the names of the variants beside the ends of their lines, without overlaps."""
    ordered = sorted(ends, key=lambda end: end[0])
    y = -_LABEL_HEIGHT
    for place, (end, group) in enumerate(ordered):
        lowest = _BOTTOM + 4 - _LABEL_HEIGHT * (len(ordered) - 1 - place)
        y = max(y + _LABEL_HEIGHT, min(end + 4, lowest))
        hue = f"ts c v{get_hue(group.style_index)}"
        canvas.add_text(_RIGHT + 6, y, shorten_name(group.variant, 10), hue)


def _locate(value: float, ticks: Sequence[float]) -> float:
    """Return the vertical position of an accuracy in percent."""
    return locate_on_axis(value, ticks, _BOTTOM, _TOP)


def _place(severity: float, severities: Any) -> float:
    """Return the horizontal position of a severity."""
    first, last = float(severities[0]), float(severities[-1])
    return _LEFT + (severity - first) / max(last - first, 1e-9) * (_RIGHT - _LEFT)


def _build_worst_severity_table(cell: CellView, robustness: RobustnessCurves) -> Table:
    """Return a table of the accuracies at the highest severity of each condition."""
    curves = next(iter(robustness.curves.values()))
    clean = [format_percent(float(curve.accuracy[:, 0].mean()), 1) for curve in curves.values()]
    rows = [("original images", *clean)]
    for condition, by_variant in robustness.curves.items():
        worst = [
            format_percent(float(curve.accuracy[:, -1].mean()), 1) for curve in by_variant.values()
        ]
        rows.append((_name_condition(condition), *worst))
    headings = ("condition", *(group.variant for group in cell.groups))
    note = "Test accuracy in %" + (", mean over the seeds." if cell.has_several_seeds else ".")
    return Table("Accuracy at the highest severity", headings, tuple(rows), note)
