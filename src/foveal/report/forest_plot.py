"""Forest plot, row by row: the mean difference with its interval, and every seed as a circle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from foveal.analysis import VariantRuns
from foveal.plotting import SvgCanvas, choose_ticks, format_tick
from foveal.report.cell_view import CellView
from foveal.report.number_text import format_comparison_name, format_difference, format_interval
from foveal.stats import Comparison
from foveal.text_format import choose_point_decimals, format_percent, format_rounded_points
from foveal.variant_names import BASELINE

_WIDTH, _HEIGHT, _PADDING = 310.0, 40.0, 10.0
_MAX_TICKS: Final = 5
_MAX_LISTED_SEEDS: Final = 12


@dataclass(frozen=True)
class ForestScale:
    """The horizontal axis that all rows share, in the shown unit: its ends, its ticks and the margin."""

    low: float
    high: float
    ticks: tuple[float, ...]
    margin: float

    def locate(self, shown: float) -> float:
        """Return the horizontal position of a difference in the shown unit."""
        share = (shown - self.low) / (self.high - self.low)
        return _PADDING + share * (_WIDTH - 2 * _PADDING)

    @property
    def axis_labels(self) -> list[tuple[str, str]]:
        """The position of each tick in percent of the width, and its number."""
        return [
            (f"{100 * self.locate(tick) / _WIDTH:.1f}", format_tick(tick, signed=True))
            for tick in self.ticks
        ]


@dataclass(frozen=True)
class SeedMark:
    """One run in a row: its difference from the mean of the baseline, and the text under the pointer."""

    difference: float
    title: str


def make_forest_scale(cells: Sequence[CellView]) -> ForestScale | None:
    """Return an axis that contains all seeds, intervals and margins; None without a baseline."""
    values: list[float] = []
    for cell in cells:
        if cell.baseline is None or cell.design is None:
            return None
        values += [-cell.design.margin, cell.design.margin]
        for group in cell.groups:
            values += _list_seed_differences(cell, group).tolist()
        for each in cell.comparisons:
            values += [100 * bound for bound in each.interval if math.isfinite(bound)]
    return fit_forest_scale(values, min(cell.design.margin for cell in cells if cell.design))


def fit_forest_scale(values: Sequence[float], margin: float) -> ForestScale:
    """Return an axis that contains all values; `margin` is 0 where there is none."""
    # A little room, so that no mark touches the end of the axis.
    span = (max(values) - min(values)) / 40 or 1.0
    low, high = min(values) - span, max(values) + span
    ticks = tuple(tick for tick in choose_ticks(low, high, _MAX_TICKS) if low <= tick <= high)
    return ForestScale(low, high, ticks, margin)


def _list_seed_differences(cell: CellView, group: VariantRuns) -> Any:
    """Return the accuracy of each run minus the mean of the baseline, in points."""
    accuracies = 100 * group.get_results("test_accuracy")
    if group.comparison is not None:
        return accuracies - 100 * (group.comparison.mean - group.comparison.difference)
    baseline = cell.baseline or group
    return accuracies - 100 * baseline.get_results("test_accuracy").mean()


def _start_row(scale: ForestScale) -> SvgCanvas:
    """Return a row with the band of the margin, the grid and the line at 0."""
    canvas = SvgCanvas(_WIDTH, _HEIGHT)
    if scale.margin:
        left, right = scale.locate(-scale.margin), scale.locate(scale.margin)
        canvas.add_rectangle(left, 0, right - left, _HEIGHT, "band")
    for tick in scale.ticks:
        x = scale.locate(tick)
        canvas.add_line(x, 0, x, _HEIGHT, "zero" if tick == 0 else "grid")
    return canvas


def draw_contrast_row(index: int, comparison: Comparison, scale: ForestScale) -> Markup:
    """Draw the mean and the interval of a comparison with a control."""
    description = _describe_comparison(format_comparison_name(comparison), comparison)
    return draw_forest_row(index, scale, comparison=comparison, description=description)


def draw_variant_row(cell: CellView, group: VariantRuns, scale: ForestScale) -> Markup:
    """Draw mean, interval and seeds of one variant."""
    differences = _list_seed_differences(cell, group)
    seeds = [
        SeedMark(
            float(difference),
            f"{group.variant}, seed {run.results['seed']}: "
            f"{format_percent(run.results['test_accuracy'], 1)} % accuracy, "
            f"{format_rounded_points(difference / 100, 1)} points from the mean of {BASELINE}",
        )
        for run, difference in zip(group.runs, differences, strict=True)
    ]
    return draw_forest_row(
        group.style_index,
        scale,
        comparison=group.comparison,
        seeds=seeds,
        description=_describe_row(group, differences),
    )


def draw_forest_row(
    index: int,
    scale: ForestScale,
    *,
    description: str,
    comparison: Comparison | None = None,
    seeds: Sequence[SeedMark] = (),
) -> Markup:
    """Draw one row: the mean difference with the interval that decides, and below it every seed.

    Args:
        index: the style index of the variant.
        scale: the axis.
        description: the numbers of the row for screen readers.
        comparison: the comparison with the baseline; None for the baseline.
        seeds: the runs.
    """
    canvas = _start_row(scale)
    if comparison is not None:
        _draw_comparison(canvas, index, comparison, scale, y=14 if seeds else _HEIGHT / 2)
    for seed in seeds:
        y = _HEIGHT / 2 if comparison is None else 31
        canvas.add_seed(index, scale.locate(seed.difference), y, title=seed.title)
    return canvas.render(description)


def _draw_comparison(
    canvas: SvgCanvas, index: int, comparison: Comparison, scale: ForestScale, *, y: float
) -> None:
    """Draw the mean difference with the interval that decides."""
    unit = comparison.unit
    low, high = unit.convert_interval(comparison.deciding_interval)
    if math.isfinite(low):
        canvas.add_interval(index, scale.locate(low), scale.locate(high), y)
    canvas.add_marker(index, scale.locate(unit.factor * comparison.difference), y, 5.5)


def _describe_row(group: VariantRuns, differences: Any) -> str:
    """Return the numbers of a row for screen readers."""
    decimals = choose_point_decimals(
        group.comparison.deciding_interval if group.comparison else (math.nan, math.nan)
    )
    shown = [
        format_rounded_points(each / 100, decimals) for each in np.asarray(differences).tolist()
    ]
    if len(shown) > _MAX_LISTED_SEEDS:
        low, high = shown[int(np.argmin(differences))], shown[int(np.argmax(differences))]
        seeds = f"{len(shown)} seeds from {low} to {high}"
    else:
        seeds = f"seeds {', '.join(shown)}"
    if group.comparison is None:
        return f"{group.variant}: {seeds}"
    return f"{_describe_comparison(group.variant, group.comparison)}; {seeds}"


def _describe_comparison(name: str, comparison: Comparison) -> str:
    """Return difference and interval of a comparison for screen readers."""
    text = f"{name}: difference {format_difference(comparison)} points"
    if math.isfinite(comparison.deciding_interval[0]):
        text += f", interval {format_interval(comparison)}"
    return text
