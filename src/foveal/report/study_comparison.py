"""Report of two studies side by side: their answers, their results on one axis, and their differing options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foveal.analysis import group_runs_by_variant
from foveal.analysis.caveats import find_caveats
from foveal.errors import UsageError
from foveal.records import StudyRecord, read_study
from foveal.report.blocks import (
    AnswerBlock,
    Block,
    Callout,
    Heading,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.report.document import ReportDocument, list_legend
from foveal.report.forest_plot import make_forest_scale
from foveal.report.sections.provenance import flatten_config, format_values
from foveal.report.sections.results import build_forest_table
from foveal.report.warnings import list_warnings
from foveal.text_format import ABSENT_VALUE
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
    warnings = _list_study_warnings(cells)
    cells = tuple(_select_variants(cell, shared) for cell in cells)
    scale = make_forest_scale(cells)
    blocks: list[Block] = []
    for cell in cells:
        blocks += [
            Heading(cell.label),
            AnswerBlock(cell.answer),
            build_forest_table(cell, scale=scale),
        ]
    blocks.append(
        Paragraph(
            f"Each difference is to `{BASELINE}` of the same study, and each verdict holds for its own "
            "study. Two "
            "different verdicts do not show that the studies differ."
        )
    )
    options = Section(
        "differences", "Differences between the studies", tuple(_list_option_differences(cells))
    )
    title = f"Comparison of {cells[0].label} and {cells[1].label}"
    return ReportDocument(
        title,
        title,
        (),
        (),
        warnings,
        (Section("compared", "Results of both studies", tuple(blocks)), options),
        list_legend(cells),
    )


def _select_variants(cell: CellView, variants: Sequence[str]) -> CellView:
    """Return the cell with these variants only; each has the same color and marker in both studies."""
    groups = tuple(
        replace(cell.groups_by_variant[variant], style_index=_index_style(variants, variant))
        for variant in variants
    )
    return replace(cell, groups=groups)


def _index_style(variants: Sequence[str], variant: str) -> int:
    """Return the style index of a variant: 0 for the baseline, the others counted from 1."""
    others = [name for name in variants if name != BASELINE]
    return 0 if variant == BASELINE else 1 + others.index(variant)


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
