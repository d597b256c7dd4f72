"""Path of a sequential study: the difference and its interval at each look, one small figure per comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from foveal.plotting import SvgCanvas, choose_ticks, format_tick, get_hue, locate_on_axis
from foveal.report.blocks import Block, FigureBlock, FigureGrid, Heading, Paragraph
from foveal.report.cell_view import CellView
from foveal.report.number_text import format_comparison_name
from foveal.stats import Comparison, SequentialResult
from foveal.stats.sequential import MIN_CHANCE_OF_VERDICT
from foveal.text_format import (
    choose_point_decimals,
    format_rounded_points,
    join_with_and,
    shorten_name,
)
from foveal.variant_names import BASELINE

_WIDTH, _HEIGHT = 236.0, 176.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 224.0, 26.0, 138.0
_MAX_TICKS: Final = 4
_STOP_WORDS: Final = {"unlikely": "stopped: a verdict is unlikely", "last look": "undecided"}
_GLYPHS: Final = {"better": "↑", "worse": "↓", "equivalent": "=", "undecided": "?"}


def build_looks(cell: CellView) -> list[Block]:
    """Return the figures of the looks; empty in a study without looks."""
    looked = [
        (group.style_index, comparison, comparison.sequential)
        for group in cell.groups
        for comparison in group.comparisons
        if comparison.sequential is not None and comparison.sequential.looks
    ]
    if not looked or cell.design is None:
        return []
    ends = [
        100 * bound
        for _, _, result in looked
        for look in result.looks
        for bound in look.interval
        if math.isfinite(bound)
    ]
    margin = cell.design.margin
    ticks = choose_ticks(min([-margin, *ends]), max([margin, *ends]), _MAX_TICKS)
    figures = tuple(
        _draw_looks(cell, index, comparison, result, ticks) for index, comparison, result in looked
    )
    text = (
        f"This study looks at its result at {join_with_and(cell.design.looks)} seeds and stops a variant as "
        "soon as a verdict holds. Each bar is the interval at one look, made wider so that all looks and "
        "variants together raise a false alarm in at most about 5 % of studies: a variant stops when its bar "
        "leaves 0, or when the slightly narrower interval for equivalence fits into the margin (gray). A "
        "difference that is found tends to be too large, most at early looks."
    )
    if cell.design.stops_when_unlikely:
        text += (
            " A variant also stops where a verdict by the last look has become unlikely (a chance below "
            f"{100 * MIN_CHANCE_OF_VERDICT:.0f} %, predicted from its seeds so far). That is not a verdict: "
            "there may be a difference."
        )
    return [Heading("When seeds were added"), Paragraph(text), FigureGrid(figures, 4)]


def _draw_looks(
    cell: CellView,
    index: int,
    comparison: Comparison,
    result: SequentialResult,
    ticks: Sequence[float],
) -> FigureBlock:
    """Draw the difference and the interval at each look of one comparison."""
    assert cell.design is not None
    planned, margin = cell.design.looks, cell.design.margin
    name = format_comparison_name(comparison)
    canvas = SvgCanvas(_WIDTH, _HEIGHT)
    canvas.add_text(_LEFT, 14, shorten_name(name, 24), "tt")
    top, bottom = _locate(margin, ticks), _locate(-margin, ticks)
    canvas.add_rectangle(_LEFT, top, _RIGHT - _LEFT, bottom - top, "band")
    for tick in ticks:
        y = _locate(tick, ticks)
        canvas.add_line(_LEFT, y, _RIGHT, y, "zero" if tick == 0 else "grid")
        canvas.add_text(_LEFT - 5, y + 4, format_tick(tick, signed=True), anchor="end")
    places = {
        seeds: _LEFT + (place + 0.5) * (_RIGHT - _LEFT) / len(planned)
        for place, seeds in enumerate(planned)
    }
    for seeds, x in places.items():
        canvas.add_text(x, _BOTTOM + 16, str(seeds), anchor="middle")
    canvas.add_text((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "seeds at each look", anchor="middle")
    parts = []
    for look in result.looks:
        decimals = choose_point_decimals(look.interval)
        difference = format_rounded_points(look.difference, decimals)
        low, high = (format_rounded_points(bound, decimals) for bound in look.interval)
        parts.append(f"{look.seeds} seeds {difference}, {low} to {high}")
        x = places[look.seeds]
        if math.isfinite(look.interval[0]):
            y0, y1 = (_locate(100 * bound, ticks) for bound in look.interval)
            canvas.add(
                f'<path class="s v{get_hue(index)}" data-v="{index}" stroke-width="2" '
                f'd="M{x:.1f} {y0:.1f}V{y1:.1f}M{x - 4:.1f} {y0:.1f}h8M{x - 4:.1f} {y1:.1f}h8"/>'
            )
        canvas.add_marker(index, x, _locate(100 * look.difference, ticks), 4, title=parts[-1])
    outcome = describe_stop(result)
    verdict = f"{_GLYPHS[result.verdict]} {result.verdict}" if result.stop == "verdict" else outcome
    canvas.add_text(_RIGHT, _TOP - 2, verdict, anchor="end")
    against = BASELINE if comparison.reference == BASELINE else comparison.reference
    description = f"{name}, difference from {against} at each look: {'; '.join(parts)}; {outcome}"
    stem = f"looks-{index}" + ("" if comparison.reference == BASELINE else f"-{against}")
    file_name = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
    return FigureBlock(f"{file_name}{cell.suffix}", canvas.render(description), description)


def describe_stop(result: SequentialResult) -> str:
    """Return why a comparison has stopped, or its next look."""
    if result.stop is None:
        return f"next look at {result.next_look} seeds"
    return result.verdict if result.stop == "verdict" else _STOP_WORDS[result.stop]


def _locate(points: float, ticks: Sequence[float]) -> float:
    """Return the vertical position of a difference in points."""
    return locate_on_axis(points, ticks, _BOTTOM, _TOP)
