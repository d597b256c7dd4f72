"""Confusion section: the matrix of the baseline once, then what changes with each variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from foveal.analysis import VariantRuns, normalize_rows
from foveal.plotting import SvgCanvas, draw_marker
from foveal.report.blocks import (
    Block,
    FigureBlock,
    FigureGrid,
    Fold,
    HtmlBlock,
    ListBlock,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.report.sections.class_order import (
    list_class_differences,
    select_common_seeds,
    sort_classes,
)
from foveal.report.templating import render_template
from foveal.text_format import (
    format_fixed,
    format_percent,
    format_rounded_points,
    join_with_and,
    shorten_name,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

_MAX_CLASSES_IN_FIGURE: Final = 30
_MAX_CLASSES_WITH_LARGE_CELLS: Final = 12
_MAX_CHANGES: Final = 5
_ROUND_LIMITS: Final = (1, 2, 5, 10, 25, 50, 100)
"""Ends of the scale of differences, in points."""
_MIN_OPACITY: Final = 0.02
_MIN_WIDTH: Final = 300.0
"""Width of a panel of few classes: narrower figures would be enlarged with their letters."""


def build_confusion_section(cell: CellView) -> Section:
    """Return the matrices as figures, the largest changes as sentences, and all numbers folded."""
    name, size = f"confusion{cell.suffix}", len(cell.classes)
    base = cell.baseline or cell.groups[0]
    others = [group for group in cell.groups if group is not base]
    shares = {group.variant: normalize_rows(group.confusion) for group in cell.groups}
    compared = {group.variant: _compute_compared_shares(group, base) for group in others}
    changes = {variant: after - before for variant, (after, before) in compared.items()}
    limit = _choose_limit(list(changes.values()))
    blocks: list[Block] = []
    if size <= _MAX_CLASSES_IN_FIGURE:
        blocks.append(Paragraph(_explain(base, bool(others))))
        figures = [_draw_matrix(cell, base, shares[base.variant], None)]
        figures += [_draw_matrix(cell, group, changes[group.variant], limit) for group in others]
        columns = 3 if size <= _MAX_CLASSES_WITH_LARGE_CELLS else 2
        blocks.append(FigureGrid(tuple(figures), columns))
        scales = render_template("confusion_scales.html.j2", limit=limit if others else None)
        blocks.append(HtmlBlock(scales))
    else:
        blocks.append(Paragraph(f"With {size} classes only the largest values are shown here."))
    sentences = _list_sentences(cell, base, others, shares[base.variant], compared)
    blocks.append(ListBlock(tuple(sentences)))
    if others and cell.has_intervals:
        text = "All these changes may be chance: each class in Per class has an interval that contains 0"
        if any("**" in sentence for _, sentence in sentences):
            text = "Bold: the interval in Per class does not contain 0. All other changes may be chance"
        blocks.append(Paragraph(f"{text}; there is no test for a pair of classes.", is_muted=True))
    tables = tuple(
        TableBlock(
            f"{name}-{group.style_index}",
            _build_table(cell, group, shares[group.variant]),
            is_in_page=size <= _MAX_CLASSES_IN_FIGURE,
        )
        for group in cell.groups
    )
    if size <= _MAX_CLASSES_IN_FIGURE:
        hint = f"{len(tables)} tables, one per variant" if len(tables) > 1 else "table"
        blocks.append(Fold("All numbers", hint, tables))
    else:
        blocks += tables
    return Section(name, "Confusion", tuple(blocks))


def _compute_compared_shares(group: VariantRuns, base: VariantRuns) -> tuple[Any, Any]:
    """Return the shares of a variant and of the baseline over the seeds that both have."""
    first, second = select_common_seeds(group, base)
    return normalize_rows(first.confusion), normalize_rows(second.confusion)


def _explain(base: VariantRuns, has_others: bool) -> str:
    """Return how to read the matrices."""
    text = "Rows are the true class, columns the answer"
    if not has_others:
        return f"{text}. The outlined diagonal holds the right answers."
    return (
        f"{text}, both in the order of Per class. The first panel shows `{base.variant}`; the others show "
        "what changes, all on one scale. The outlined diagonal holds the right answers: purple is good "
        "there, and means more mistakes everywhere else."
    )


def _choose_limit(changes: list[Any]) -> int:
    """Return the end of the scale in points: a round number that few cells exceed."""
    if not changes:
        return _ROUND_LIMITS[0]
    values = 100 * np.abs(np.nan_to_num(np.concatenate([each.ravel() for each in changes])))
    reached = float(np.percentile(values, 99))
    return next((limit for limit in _ROUND_LIMITS if limit >= reached), _ROUND_LIMITS[-1])


def _draw_matrix(cell: CellView, group: VariantRuns, values: Any, limit: int | None) -> FigureBlock:
    """Draw shares in gray, or, with a limit in points, differences in two colors."""
    size = len(values)
    side = 20.0 if size <= _MAX_CLASSES_WITH_LARGE_CELLS else 13.0
    left, top = 76.0, 84.0
    canvas = SvgCanvas(max(_MIN_WIDTH, left + size * side + 32), top + size * side + 5)
    order = sort_classes(cell)
    values = values[np.ix_(order, order)]
    title = shorten_name(group.variant, 16)
    title = title if limit is None else f"{title} − {BASELINE}"
    canvas.add(draw_marker(group.style_index, 8, 10, 4.2))
    canvas.add_text(18, 14, title, "tt")
    for row, label in enumerate(order):
        y, x = top + side * (row + 0.5), left + side * (row + 0.5)
        short = shorten_name(cell.classes[label], 10)
        canvas.add_text(left - 4, y + 4, short, anchor="end")
        turned = f' transform="translate({x + 3:.0f} {top - 4:.0f}) rotate(-60)"'
        canvas.add_text(0, 0, short, extra=turned)
    for row, column in np.argwhere(np.nan_to_num(np.abs(values)) > 0):
        value = float(values[row, column])
        opacity = min(1.0, abs(value) if limit is None else 100 * abs(value) / limit)
        if opacity >= _MIN_OPACITY:
            kind = "gr" if limit is None else "up" if value > 0 else "dn"
            extra = f' opacity="{opacity:.2f}"'
            canvas.add_rectangle(left + side * column, top + side * row, side, side, kind, extra)
    canvas.add_rectangle(left, top, size * side, size * side, "frame")
    for row in range(size):
        canvas.add_rectangle(left + side * row, top + side * row, side, side, "diag")
    kind = (
        "Shares of the answers by true class"
        if limit is None
        else "Change of the answers by true class"
    )
    names = [cell.classes[label] for label in order]
    largest = _describe_largest(names, values, signed=limit is not None)
    description = f"{kind}, {group.variant}; {largest}"
    return FigureBlock(
        f"confusion-{group.style_index}{cell.suffix}", canvas.render(description), description
    )


def _describe_largest(names: Sequence[str], values: Any, *, signed: bool) -> str:
    """Return the three largest values off the diagonal for screen readers."""
    errors = np.nan_to_num(values - np.diag(np.diag(values)))
    places = np.argsort(-np.abs(errors), axis=None)[:3]
    parts = []
    for place in places:
        row, column = np.unravel_index(int(place), errors.shape)
        value = float(errors[row, column])
        shown = format_rounded_points(value, 0) if signed else f"{format_percent(value, 0)} %"
        parts.append(f"{names[int(row)]} taken for {names[int(column)]} {shown}")
    return "largest: " + ", ".join(parts)


def _list_sentences(
    cell: CellView,
    base: VariantRuns,
    others: list[VariantRuns],
    shares: Any,
    compared: dict[str, tuple[Any, Any]],
) -> list[tuple[int, str]]:
    """Return the commonest confusions of the baseline and the five largest changes.

    `compared` has the shares of each variant and those of the baseline over the same seeds.
    """
    names = cell.classes
    errors = np.nan_to_num(shares - np.diag(np.diag(shares)))
    parts = []
    for place in np.argsort(-errors, axis=None)[:2].tolist():
        row, column = divmod(place, len(errors))
        share = format_percent(float(errors[row, column]), 1)
        parts.append(f"{names[row]} taken for {names[column]} ({share} %)")
    items = [(base.style_index, f"`{base.variant}`, most often: {join_with_and(parts)}")]
    shown = {
        (comparison.variant, each.name)
        for comparison, classes in list_class_differences(cell)
        for each in classes
        if each.is_shown
    }
    candidates = [
        (abs(float(change[row, column])), group, int(row), int(column))
        for group in others
        for change in [np.nan_to_num(np.subtract(*compared[group.variant]))]
        for place in np.argsort(-np.abs(change), axis=None)[:_MAX_CHANGES].tolist()
        for row, column in [divmod(place, len(change))]
    ]
    for _, group, row, column in sorted(candidates, key=lambda each: -each[0])[:_MAX_CHANGES]:
        after, before = (
            float(format_fixed(100 * float(share[row, column]), 1))
            for share in compared[group.variant]
        )
        what = "recognized" if row == column else f"taken for {names[column]}"
        # The difference of the rounded shares, so that the three numbers agree.
        points = f"{format_rounded_points((after - before) / 100, 1)} points"
        points = (
            f"**{points}**" if row == column and (group.variant, names[row]) in shown else points
        )
        items.append(
            (
                group.style_index,
                f"`{group.variant}`: {names[row]} {what} {points} ({before:.1f} % → {after:.1f} %)",
            )
        )
    return items


def _build_table(cell: CellView, group: VariantRuns, shares: Any) -> Table:
    """Return the shares of one variant in percent of each true class."""
    rows = tuple(
        (name, *(_format_share(float(share)) for share in shares[row]))
        for row, name in enumerate(cell.classes)
    )
    seeds = " over the seeds" if cell.has_several_seeds else ""
    return Table(
        f"{group.variant}: answers in % of each true class",
        ("true class", *cell.classes),
        rows,
        f"Rows are the true class, columns the answer, summed{seeds}."
        if seeds
        else "Rows are the true class, columns the answer.",
    )


def _format_share(share: float) -> str:
    """Return a share in percent with one decimal; a dash for a class without images."""
    return format_percent(share, 1)
