"""Report of two studies side by side: their results and the options in which they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from foveal.analysis import VariantRuns, group_runs_by_variant
from foveal.analysis.caveats import find_caveats
from foveal.errors import UsageError
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    TEXT_COLOR,
    VARIANT_COLORS,
    new_figure,
    use_report_style,
)
from foveal.records import StudyRecord, read_study
from foveal.report.blocks import Block, Callout, FigureBlock, Paragraph, Section, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.document import ReportDocument
from foveal.report.sections.provenance import flatten_config, format_values
from foveal.report.sections.results import format_short_verdict
from foveal.report.warnings import list_warnings
from foveal.text_format import (
    ABSENT_VALUE,
    format_count,
    format_interval,
    format_mean_and_sd,
    format_points,
    shorten_name,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

_CHECKSUM_ROW = "data checksum"


def build_comparison_document(first: Path, second: Path) -> ReportDocument:
    """Return the report of the variants that two studies share, and of the differences in their options.

    Each verdict compares a variant with the baseline of its own study. There is no verdict of one study
    against the other, because studies can differ in many options at once.

    Raises:
        UsageError: a folder is not a study, a study has no finished run or a grid, or the studies share
            no variant.
        FovealError: a file is damaged.
    """
    names = _choose_study_names(first, second)
    cells = tuple(
        _read_cell_view(folder, name, number)
        for number, (folder, name) in enumerate(zip((first, second), names, strict=True), 1)
    )
    shared = [v for v in cells[0].groups_by_variant if v in cells[1].groups_by_variant]
    if not shared:
        raise UsageError(
            f"{first} and {second} have no variant in common. Name two studies that share a variant."
        )
    blocks: list[Block] = [TableBlock("compared", _build_side_by_side_table(cells, shared))]
    judged = [v for v in shared if all(cell.groups_by_variant[v].comparison for cell in cells)]
    if judged and all(cell.has_intervals for cell in cells):
        blocks.append(
            FigureBlock(
                name="compared",
                figure=_draw_forest_plots(cells, judged),
                description=f"Difference to {BASELINE} with its interval, by variant, in both studies.",
                caption=f"Difference to {BASELINE} of the same study, with its interval. The shaded band is "
                "the smaller margin.",
                width="column",
            )
        )
    sections = (
        Section("compared", "Results of both studies", tuple(blocks)),
        Section(
            "differences", "Differences between the studies", tuple(_list_option_differences(cells))
        ),
    )
    title = f"Comparison of {cells[0].label} and {cells[1].label}"
    return ReportDocument(title, cells, _list_study_warnings(cells), sections)


def _choose_study_names(first: Path, second: Path) -> tuple[str, str]:
    """Return the folder names of the studies, with their parents if the names are equal."""
    first, second = first.resolve(), second.resolve()
    if first.name != second.name:
        return first.name, second.name
    return f"{first.parent.name}/{first.name}", f"{second.parent.name}/{second.name}"


def _read_cell_view(folder: Path, name: str, number: int) -> CellView:
    """Return the only cell of a study, labeled with the name of the study."""
    study = read_study(folder)
    records = [record for record in study.split_by_cell() if record.runs]
    if not records:
        raise UsageError(
            f"{folder} has no finished run yet. Run `foveal ablate` again to train it."
        )
    if len(records) > 1:
        raise UsageError(
            f"{folder} has {len(records)} settings. Compare them in its own report: "
            f"`foveal report {folder}`."
        )
    return CellView(tuple(group_runs_by_variant(records[0])), records[0], name, number)


def _build_side_by_side_table(cells: Sequence[CellView], variants: Sequence[str]) -> Table:
    """Return a table with one row per variant: accuracy, difference and verdict in each study."""
    rows = []
    for variant in variants:
        row = [variant]
        for cell in cells:
            group = cell.groups_by_variant[variant]
            accuracy = format_mean_and_sd(group.get_results("test_accuracy"))
            row.append(f"{accuracy}\n{format_count(len(group.runs), 'seed')}")
            row += _format_difference_columns(group)
        rows.append(tuple(row))
    headings = ["variant"]
    verdicts = []
    for cell in cells:
        name = shorten_name(cell.label, 24)
        headings += [f"{name}: accuracy in %", f"{name}: difference", f"{name}: verdict"]
        verdicts.append(headings[-1])
    note = (
        f"Each difference is to {BASELINE} of the same study, in percentage points, with its interval below. "
        "Each verdict holds for its own study. Two different verdicts do not show that the studies differ."
    )
    return Table(
        "Results of both studies", tuple(headings), tuple(rows), note, text_headings=tuple(verdicts)
    )


def _format_difference_columns(group: VariantRuns) -> list[str]:
    """Return the difference of a variant to the baseline with its interval, and the verdict."""
    comparison = group.comparison
    if comparison is None:
        return [ABSENT_VALUE, "baseline" if group.variant == BASELINE else ABSENT_VALUE]
    interval = (
        ""
        if comparison.detectable_difference is None
        else f"\n{format_interval(comparison.interval)}"
    )
    difference = f"{format_points(comparison.difference)}{interval}"
    return [difference, format_short_verdict(comparison)]


def _list_study_warnings(cells: Sequence[CellView]) -> tuple[str, ...]:
    """Return the warnings and caveats of each study, with the name of the study."""
    return tuple(
        f"{cell.label}: {warning}"
        for cell in cells
        if cell.study
        for warning in (*list_warnings(cell.study, cell.groups), *find_caveats(cell.study))
    )


def _list_option_differences(cells: Sequence[CellView]) -> list[Block]:
    """Return a table of the options that differ, and a warning if the data differ."""
    options = [_read_options(cell.study) for cell in cells if cell.study]
    names = list(dict.fromkeys(name for each in options for name in each))
    rows = [
        (name, *(each.get(name, ABSENT_VALUE) for each in options))
        for name in names
        if len({each.get(name) for each in options}) > 1
    ]
    if not rows:
        return [Paragraph("The records show no difference in configuration, data and environment.")]
    labels = tuple(cell.label for cell in cells)
    table = Table("Options that differ", ("option", *labels), tuple(rows), text_headings=labels)
    blocks: list[Block] = [TableBlock("differing-options", table)]
    if len({each[_CHECKSUM_ROW] for each in options}) > 1:
        blocks.insert(0, Callout("The studies did not read the same data."))
    return blocks


def _read_options(study: StudyRecord) -> dict[str, str]:
    """Return the configuration of a study with its data checksums and its environment."""
    checksums = sorted({run.results["data_checksum"] for run in study.runs})
    environment: Mapping[str, Any] = study.runs[0].environment if study.runs else {}
    shown = {n: str(value) for n, value in environment.items() if n not in ("command", "date")}
    return {
        **format_values(flatten_config(study.design)),
        _CHECKSUM_ROW: ", ".join(checksums),
        **shown,
    }


@use_report_style()
def _draw_forest_plots(cells: Sequence[CellView], variants: Sequence[str]) -> Figure:
    """Draw the differences of both studies, with those of one variant next to each other."""
    figure = new_figure(480, 90 + 40 * len(variants))
    axes = figure.add_subplot()
    margins = [100 * cell.comparisons[0].margin for cell in cells]
    axes.axvspan(-min(margins), min(margins), color=GRID_COLOR, alpha=0.5, linewidth=0)
    axes.axvline(0, color=TEXT_COLOR, linewidth=1)
    styles = zip(cells, (-0.15, 0.15), (TEXT_COLOR, VARIANT_COLORS[0]), "os", strict=True)
    for cell, shift, color, marker in styles:
        for row, variant in enumerate(variants):
            comparison = cell.groups_by_variant[variant].comparison
            if comparison is None:
                continue
            low, high = comparison.interval
            if not math.isnan(low):
                bounds = [100 * low, 100 * high]
                axes.plot(bounds, [row + shift] * 2, color=color, linewidth=2)
            axes.plot(
                100 * comparison.difference,
                row + shift,
                color=color,
                marker=marker,
                linestyle="none",
                label=shorten_name(cell.label, 28) if row == 0 else None,
            )
    axes.set_yticks(range(len(variants)), [shorten_name(variant, 24) for variant in variants])
    axes.set_ylim(len(variants) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("test accuracy difference in percentage points", color=MUTED_COLOR)
    figure.legend(loc="outside upper left", ncols=2)
    return figure
