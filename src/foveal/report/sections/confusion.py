"""Confusion section: shares, counts and differences to the baseline of the confusion matrices."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foveal.analysis import VariantRuns
from foveal.analysis.variant_runs import normalize_rows
from foveal.plotting import new_figure, use_report_style
from foveal.report.blocks import (
    Block,
    Collapsible,
    FigureBlock,
    FigureGrid,
    Paragraph,
    ScriptData,
    Section,
)
from foveal.report.cell_view import CellView
from foveal.text_format import MINUS, format_percent, shorten_name
from foveal.variant_names import BASELINE

MAX_CLASSES_IN_FIGURE: Final = 20
_MAX_COUNTS_IN_PAGE: Final = 400_000
_MAX_OPACITY: Final = 0.75  # text on a cell stays readable in the light and in the dark theme
_BLUE, _ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
_MATRIX_DESCRIPTIONS: Final = {
    "confusion": "Confusion matrix of {variant}.",
    "counts": "Confusion matrix of {variant} in counts.",
    "confusion-difference": f"Confusion matrix of {{variant}} minus that of {BASELINE}.",
}
_Array = npt.NDArray[Any]


def build_confusion_section(cell: CellView) -> Section:
    """Return the matrices of all variants as shares, differences to the baseline and counts."""
    shares = [normalize_rows(group.confusion) for group in cell.groups]
    max_error = max(float(_zero_diagonal(share).max()) for share in shares)
    matrices = tuple(
        _build_matrix_figure(
            cell, group, "confusion", _draw_share_matrix(group, max_error=max_error)
        )
        for group in cell.groups
    )
    blocks: list[Block] = [
        Paragraph(_explain_matrices(cell, max_error)),
        *_build_matrix_explorer(cell),
        FigureGrid(matrices),
        *_build_difference_matrices(cell),
    ]
    if len(cell.classes) <= MAX_CLASSES_IN_FIGURE:
        counts = tuple(
            _build_matrix_figure(cell, group, "counts", _draw_count_matrix(group))
            for group in cell.groups
        )
        blocks.append(Collapsible("As counts", (FigureGrid(counts),)))
    return Section(f"confusion{cell.suffix}", cell.add_label("Confusion"), tuple(blocks))


def _explain_matrices(cell: CellView, max_error: float) -> str:
    """Return the explanation of rows, colors and color scales."""
    summed = ", summed over the seeds" if cell.has_several_seeds else ""
    cells = (
        "The classes are in the order of the table below."
        if len(cell.classes) > MAX_CLASSES_IN_FIGURE
        else "Cells below 0.5 % have no text."
    )
    shared = "" if cell.is_single_run else ", in all matrices"
    return (
        f"Each row is a true class and shows the predictions of its test images in %{summed}. {cells} Blue "
        f"cells are correct, with the full shade at 100 %. Orange cells are errors, with the full shade at "
        f"{format_percent(max_error, 1)} %{shared}."
    )


def _build_matrix_figure(
    cell: CellView, group: VariantRuns, kind: str, figure: Figure
) -> FigureBlock:
    """Return the figure block of a matrix; `kind` is a key of `_MATRIX_DESCRIPTIONS`."""
    return FigureBlock(
        name=f"{kind}-{group.style_index}{cell.suffix}",
        figure=figure,
        description=_MATRIX_DESCRIPTIONS[kind].format(variant=group.variant),
        filters={"variant": group.variant},
    )


def _build_difference_matrices(cell: CellView) -> list[Block]:
    """Return the differences of the shares to those of the baseline, in percentage points."""
    baseline = cell.baseline
    others = [group for group in cell.groups if group is not baseline]
    if baseline is None or not others:
        return []
    differences = [
        normalize_rows(group.confusion) - normalize_rows(baseline.confusion) for group in others
    ]
    limit = max(float(np.nan_to_num(np.abs(values)).max()) for values in differences)
    matrices = tuple(
        _build_matrix_figure(
            cell, group, "confusion-difference", _draw_difference_matrix(group, values, limit=limit)
        )
        for group, values in zip(others, differences, strict=True)
    )
    explanation = (
        f"Difference of each share to that of {BASELINE}, in percentage points. Blue is more, orange is less, "
        f"with the full shade at {format_percent(limit, 1)} points. A single cell has few images: look for "
        "rows and groups of cells."
    )
    return [
        Collapsible(f"Difference to {BASELINE}", (Paragraph(explanation), FigureGrid(matrices)))
    ]


def _build_matrix_explorer(cell: CellView) -> list[Block]:
    """Return the counts of each run for the interactive matrix; empty for too many counts."""
    size = len(cell.classes)
    runs = [(group.variant, run) for group in cell.groups for run in group.runs]
    if size**2 * len(runs) > _MAX_COUNTS_IN_PAGE:
        return []
    counts = [
        {
            "variant": variant,
            "seed": run.results["seed"],
            "counts": np.asarray(run.predictions["confusion"]).ravel().tolist(),
        }
        for variant, run in runs
    ]
    content = {"classes": cell.classes, "baseline": BASELINE, "runs": counts}
    return [ScriptData("confusion", content)]


def _zero_diagonal(shares: _Array) -> _Array:
    """Return the shares of the errors, with 0 for correct predictions and for classes without images."""
    return np.asarray(np.nan_to_num(shares - np.diag(np.diag(shares))))


@use_report_style()
def _draw_share_matrix(group: VariantRuns, *, max_error: float) -> Figure:
    """Draw the predictions of each true class in percent, summed over the runs.

    Shades of correct predictions go up to 100 %, those of errors up to the fraction `max_error`, so that
    matrices of several variants can be compared by eye.
    """
    shares = normalize_rows(group.confusion)
    texts = np.where(np.rint(100 * shares) >= 1, np.vectorize(_format_whole_percent)(shares), "")
    return _draw_matrix(group, _color_shares(shares, max_error), texts)


@use_report_style()
def _draw_count_matrix(group: VariantRuns) -> Figure:
    """Draw the number of images of each true class and prediction, colored by their share."""
    shares, counts = normalize_rows(group.confusion), group.confusion.astype(np.int64)
    texts = np.where(counts > 0, np.vectorize(str)(counts), "")
    return _draw_matrix(group, _color_shares(shares, float(_zero_diagonal(shares).max())), texts)


@use_report_style()
def _draw_difference_matrix(group: VariantRuns, differences: _Array, *, limit: float) -> Figure:
    """Draw differences of shares (K, K) in percentage points, with the full shade at `limit`."""
    values = np.nan_to_num(differences)
    colors = _blend_colors(values > 0, np.abs(values) / max(limit, 1e-9))
    signed = np.vectorize(lambda v: f"{100 * v:+.0f}".replace("-", MINUS))(values)
    return _draw_matrix(group, colors, np.where(np.abs(np.rint(100 * values)) >= 1, signed, ""))


def _format_whole_percent(share: float) -> str:
    """Return a share in whole percent, empty for NaN."""
    return "" if np.isnan(share) else f"{100 * share:.0f}"


def _draw_matrix(group: VariantRuns, colors: _Array, texts: _Array) -> Figure:
    """Draw cells with RGBA colors (K, K, 4) and texts (K, K); rows are true classes."""
    size = len(colors)
    with_text = size <= MAX_CLASSES_IN_FIGURE
    side = max(29 * size, 120) if with_text else 330
    axes = _create_square_axes(side, with_names=with_text)
    axes.imshow(colors, interpolation="none")
    axes.set_title(shorten_name(group.variant, 36))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if with_text:
        names = [shorten_name(name, 12) for name in group.classes]
        axes.set_xticks(range(size), names, rotation=90)
        axes.set_yticks(range(size), names)
        _write_cell_texts(axes, texts)
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def _create_square_axes(side: float, *, with_names: bool) -> Axes:
    """Return axes of `side` CSS pixels, with room for class names on the left and below.

    The margins are fixed instead of measured: a page has many matrices with a hundred texts each.
    """
    left, bottom, top, right = (108, 112, 26, 6) if with_names else (50, 50, 26, 6)
    width, height = side + left + right, side + top + bottom
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    return figure.add_axes((left / width, bottom / height, side / width, side / height))


def _write_cell_texts(axes: Axes, texts: _Array) -> None:
    """Write each non-empty text into its cell."""
    for row, column in zip(*np.nonzero(texts != ""), strict=True):
        axes.text(column, row, texts[row, column], ha="center", va="center_baseline", fontsize=10)


def _color_shares(shares: _Array, max_error: float) -> _Array:
    """Return the RGBA colors (K, K, 4) of a confusion matrix; cells without images are transparent."""
    correct = np.eye(len(shares), dtype=bool)
    scale = np.where(correct, 1.0, max(max_error, 1e-9))
    return _blend_colors(correct, np.nan_to_num(shares) / scale)


def _blend_colors(is_blue: _Array, strength: _Array) -> _Array:
    """Return blue or orange with an opacity proportional to `strength` in [0, 1], RGBA (K, K, 4)."""
    colors = np.empty((*strength.shape, 4))
    colors[is_blue, :3] = _BLUE
    colors[~is_blue, :3] = _ORANGE
    colors[..., :3] /= 255
    colors[..., 3] = _MAX_OPACITY * np.clip(strength, 0, 1)
    return colors
