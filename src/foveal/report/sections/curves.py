"""Learning curves section: accuracy and loss by epoch, one panel per variant, every seed a thin line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.analysis import VariantRuns, compute_guessing
from foveal.analysis.next_steps import find_last_epoch_gains
from foveal.plotting import SvgCanvas, format_tick, get_hue, locate_on_axis
from foveal.report.blocks import Block, FigureBlock, FigureGrid, Paragraph, Section
from foveal.report.cell_view import CellView
from foveal.report.sections.curve_axis import CurveAxis, choose_curve_axis, cut_curve
from foveal.text_format import format_percent, shorten_name
from foveal.variant_names import BASELINE

_WIDTH, _HEIGHT = 236.0, 158.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 224.0, 26.0, 132.0
_MAX_PANELS_IN_ROW: Final = 4
_MAX_EPOCHS_WITH_MARKERS: Final = 15
_QUANTITIES: Final = (("accuracy", "accuracy, %", 100.0), ("loss", "loss", 1.0))


def build_curves_section(cell: CellView) -> Section:
    """Return the panels of all variants: a row of accuracies, then a row of losses."""
    groups = cell.compared_groups
    grids: list[Block] = []
    scales = {
        quantity: choose_curve_axis(
            [factor * group.get_metrics(f"test_{quantity}") for group in cell.groups]
        )
        for quantity, _, factor in _QUANTITIES
    }
    for start in range(0, len(groups), _MAX_PANELS_IN_ROW):
        row = groups[start : start + _MAX_PANELS_IN_ROW]
        panels = [
            tuple(
                _build_panel(cell, group, quantity, title, factor, scales[quantity].ticks)
                for group in row
            )
            for quantity, title, factor in _QUANTITIES
        ]
        if len(groups) == 1:
            panels = [(*panels[0], *panels[1])]
        grids += [FigureGrid(figures, _MAX_PANELS_IN_ROW) for figures in panels]
    guessing = _find_guessing(cell, scales["accuracy"].ticks)
    blocks = [Paragraph(_explain(cell, scales, has_guessing=guessing is not None)), *grids]
    return Section(f"curves{cell.suffix}", "Learning curves", tuple(blocks))


def _find_guessing(cell: CellView, ticks: Sequence[float]) -> float | None:
    """Return the accuracy of guessing in percent; None outside of the axis."""
    guessing = None if cell.study is None else compute_guessing(cell.study)
    if guessing is None or not ticks[0] <= 100 * guessing.accuracy <= ticks[-1]:
        return None
    return 100 * guessing.accuracy


def _explain(cell: CellView, scales: Mapping[str, CurveAxis], *, has_guessing: bool) -> str:
    """Return what the lines are, and whether training had ended."""
    lines = (
        "Thick line: mean of the variant; thin: each seed; dashed: on training images"
        if cell.has_several_seeds
        else "Line: on test images; dashed: on training images"
    )
    if cell.baseline and cell.comparisons:
        lines += f"; gray: mean of `{BASELINE}`"
    lines += "; dotted: guessing" if has_guessing else ""
    sentences = [f"{lines}."]
    if cell.study is not None and cell.design is not None:
        epochs = cell.shared_results["epochs"]
        gains = find_last_epoch_gains(cell.study, cell.design.margin / 100)
        if gains:
            name = max(gains, key=lambda variant: gains[variant])
            sentences.append(
                f"In epoch {epochs}, the last, the accuracy of `{name}` still rose by "
                f"{format_percent(gains[name], 1)} points: longer training may change the result."
            )
        else:
            sentences.append(f"By epoch {epochs} no accuracy rises by more than the margin.")
    sentences.append("All panels of a row share one scale, chosen by the test images.")
    omitted = max(scale.omitted_epochs for scale in scales.values())
    if omitted:
        epochs = "The first epoch is" if omitted == 1 else f"The first {omitted} epochs are"
        sentences.append(
            f"{epochs} partly outside of it, because the later differences could not be seen otherwise."
        )
    return " ".join(sentences)


def _build_panel(
    cell: CellView,
    group: VariantRuns,
    quantity: str,
    title: str,
    factor: float,
    ticks: Sequence[float],
) -> FigureBlock:
    """Return the panel of one quantity of one variant."""
    canvas = SvgCanvas(_WIDTH, _HEIGHT)
    name = shorten_name(group.variant, 12)
    canvas.add_text(_LEFT, 16, f"{name}: {title}", "tt")
    for tick in ticks:
        y = _locate(tick, ticks)
        canvas.add_line(_LEFT, y, _RIGHT, y, "grid")
        canvas.add_text(_LEFT - 5, y + 4, format_tick(tick), "t", anchor="end")
    epochs = group.runs[0].metrics["epoch"]
    _draw_epoch_axis(canvas, epochs)
    test = factor * group.get_metrics(f"test_{quantity}")
    train = factor * group.get_metrics(f"train_{quantity}")
    baseline = cell.baseline if cell.baseline is not group else None
    if quantity == "accuracy":
        _draw_guessing(canvas, cell, ticks)
    color = f"s v{get_hue(group.style_index)}"
    if len(test) > 1:
        for row in test:
            points = _place(row, epochs, ticks)
            canvas.add_curve(points, color, index=group.style_index, opacity=0.65)
    if baseline is not None:
        plain = factor * baseline.get_metrics(f"test_{quantity}").mean(axis=0)
        points = _place(plain, baseline.runs[0].metrics["epoch"], ticks)
        canvas.add_curve(points, "s base", index=0, width=3)
    dashed = _place(train.mean(axis=0), epochs, ticks)
    canvas.add_curve(dashed, f"{color} dash", index=group.style_index, width=1.5)
    mean = _place(test.mean(axis=0), epochs, ticks)
    canvas.add_curve(mean, color, index=group.style_index, width=2.25)
    _mark_epochs(canvas, group, mean, epochs)
    description = _describe(name, title, group, quantity, factor, baseline)
    return FigureBlock(
        f"{quantity}-{group.style_index}{cell.suffix}", canvas.render(description), description
    )


def _mark_epochs(
    canvas: SvgCanvas, group: VariantRuns, mean: Sequence[tuple[float, float]], epochs: Any
) -> None:
    """Draw a marker for each epoch of a short training, but none where the curve leaves the panel."""
    places = {_place_epoch(float(epoch), epochs) for epoch in epochs}
    if len(places) <= _MAX_EPOCHS_WITH_MARKERS:
        for x, y in mean:
            if math.isfinite(y) and x in places:
                canvas.add_marker(group.style_index, x, y, 3.4)


def _draw_guessing(canvas: SvgCanvas, cell: CellView, ticks: Sequence[float]) -> None:
    """Draw the accuracy of guessing where it is within the axis."""
    guessing = _find_guessing(cell, ticks)
    if guessing is not None:
        y = _locate(guessing, ticks)
        canvas.add_line(_LEFT, y, _RIGHT, y, "guess")


def _draw_epoch_axis(canvas: SvgCanvas, epochs: Any) -> None:
    """Draw the numbers of a few epochs below a panel."""
    count = len(epochs)
    places = sorted({0, count - 1, *([count // 2] if count > 4 or count == 3 else [])})
    for place in places:
        x = _place_epoch(float(epochs[place]), epochs)
        number = format_tick(float(epochs[place]))
        if place == 0:
            canvas.add_text(_LEFT - 4, _HEIGHT - 8, f"epoch {number}")
        else:
            anchor = "end" if place == count - 1 else "middle"
            canvas.add_text(x, _HEIGHT - 8, number, anchor=anchor)


def _place_epoch(epoch: float, epochs: Any) -> float:
    """Return the horizontal position of an epoch."""
    first, last = float(epochs[0]), float(epochs[-1])
    share = (epoch - first) / (last - first) if last > first else 0.0
    return _LEFT + share * (_RIGHT - _LEFT)


def _locate(value: float, ticks: Sequence[float]) -> float:
    """Return the vertical position of a value."""
    return locate_on_axis(value, ticks, _BOTTOM, _TOP)


def _place(values: Any, epochs: Any, ticks: Sequence[float]) -> list[tuple[float, float]]:
    """Return the positions of a curve, cut where it leaves the panel."""
    return cut_curve(
        [
            (_place_epoch(float(epoch), epochs), _locate(float(value), ticks))
            for epoch, value in zip(epochs, values, strict=True)
        ],
        top=_TOP,
        bottom=_BOTTOM,
    )


def _describe(
    name: str,
    title: str,
    group: VariantRuns,
    quantity: str,
    factor: float,
    baseline: VariantRuns | None,
) -> str:
    """Return the first and the last mean of a panel for screen readers."""

    def summarize(each: VariantRuns) -> str:
        mean = factor * each.get_metrics(f"test_{quantity}").mean(axis=0)
        return f"{mean[0]:.3g} after the first epoch, {mean[-1]:.3g} after the last"

    text = f"{name}: {title}, mean {summarize(group)}"
    return text if baseline is None else f"{text}; {BASELINE} {summarize(baseline)}"
