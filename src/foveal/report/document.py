"""Content of a report, collected from the records of a study or a run, independent of any file format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foveal.analysis import VariantRuns, group_runs_by_variant, write_question
from foveal.errors import UsageError
from foveal.records import StudyRecord, is_complete, read_run, read_study, schema
from foveal.report.blocks import (
    AnswerBlock,
    Block,
    Checklist,
    FigureBlock,
    Fold,
    Heading,
    HtmlBlock,
    Paragraph,
    Section,
    TableBlock,
    flatten_blocks,
)
from foveal.report.cell_view import CellView
from foveal.report.facts import list_facts
from foveal.report.inline_text import remove_inline_markup
from foveal.report.sections.class_differences import build_class_section
from foveal.report.sections.confusion import build_confusion_section
from foveal.report.sections.costs import build_costs_section
from foveal.report.sections.curves import build_curves_section
from foveal.report.sections.fairness import build_fairness_section
from foveal.report.sections.occlusion import build_occlusion_section
from foveal.report.sections.provenance import (
    build_data_section,
    build_provenance_section,
    flatten_config,
)
from foveal.report.sections.raw_tables import build_claims_fold, build_raw_tables_section
from foveal.report.sections.results import build_results_section
from foveal.report.sections.robustness import build_robustness_section
from foveal.report.warnings import list_warnings
from foveal.text_format import format_percent
from foveal.text_tables import Table
from foveal.variant_names import BASELINE


@dataclass(frozen=True)
class ReportDocument:
    """A report in the order of its page.

    `heading` is the question, `title` the question with its short answer. `facts` are parts of one line, `top`
    the blocks before the first section. At the end of the page stand `files_hint`, unless it links to files
    beside it, and `origin`.
    """

    heading: str
    title: str
    facts: tuple[str, ...]
    top: tuple[Block, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    legend: tuple[tuple[int, str], ...]
    files_hint: str = (
        "`foveal report FOLDER` writes every table as CSV and LaTeX and every figure as SVG."
    )
    origin: str = (
        "Made by foveal from the records alone. Points are percentage points of test accuracy."
    )

    @property
    def blocks(self) -> list[Block]:
        """All blocks of all sections, without nesting."""
        return [block for section in self.sections for block in flatten_blocks(section.blocks)]

    @property
    def tables(self) -> list[TableBlock]:
        """All tables, those with figures in their cells as well."""
        return [
            TableBlock(block.name, block.table)
            for block in self.blocks
            if isinstance(block, TableBlock | HtmlBlock) and block.table is not None
        ]

    @property
    def figures(self) -> list[FigureBlock]:
        """All figures."""
        return [block for block in self.blocks if isinstance(block, FigureBlock)]


def build_document(folder: Path) -> ReportDocument:
    """Return the report of a study or a run from its folder.

    Raises:
        UsageError: `folder` is neither a study with a finished run nor a finished run.
        FovealError: a file in it is damaged.
    """
    if (folder / schema.STUDY_FILE).is_file():
        return _build_study_document(read_study(folder))
    if is_complete(folder):
        return _build_run_document(folder)
    raise UsageError(
        f"{folder} is neither a study nor a finished run. Name a folder that `foveal ablate` or "
        "`foveal train` has written."
    )


def _build_run_document(folder: Path) -> ReportDocument:
    """Return the report of one run."""
    run = read_run(folder)
    variant = run.results["variant"]
    cell = CellView((VariantRuns(variant, 0 if variant == BASELINE else 1, (run,)),))
    accuracy = format_percent(float(run.results["test_accuracy"]))
    top = Paragraph(
        f"This run with seed {run.results['seed']} reached a test accuracy of **{accuracy} %**. A "
        "single run says "
        "nothing about the method: compare variants over several seeds with `foveal ablate`."
    )
    made = build_provenance_section([cell], run.config, [run])
    sections = (
        *_build_evidence(cell),
        made,
        build_data_section(cell),
        build_raw_tables_section(cell),
    )
    heading = f"One run of {variant}: no verdict from one run"
    return ReportDocument(
        heading, heading, list_facts(cell), (top,), (), sections, list_legend([cell])
    )


def _build_study_document(study: StudyRecord) -> ReportDocument:
    """Return the report of a study; that of a grid has a section for each of its settings."""
    records = [record for record in study.split_by_cell() if record.runs]
    if not records:
        raise UsageError(
            f"{study.folder} has no finished run yet. Run `foveal ablate` again to train it."
        )
    cells = tuple(
        CellView(
            tuple(group_runs_by_variant(record)),
            record,
            record.cell.label if record.cell else "",
            number,
        )
        for number, record in enumerate(records, 1)
    )
    warnings = [
        f"{cell.label}: {warning}" if cell.label else warning
        for cell, record in zip(cells, records, strict=True)
        for warning in list_warnings(record, cell.groups)
    ]
    made = build_provenance_section(cells, flatten_config(study.design), study.runs)
    if len(cells) > 1:
        return _build_grid_document(study, cells, tuple(dict.fromkeys(warnings)), made)
    (cell,) = cells
    question = write_cell_question(cell)
    raw = build_raw_tables_section(cell, study)
    evidence = _build_evidence(cell)
    sections = (*evidence, made, build_data_section(cell), raw)
    return ReportDocument(
        question,
        remove_inline_markup(f"{question} {cell.answer.title}"),
        list_facts(cell),
        (build_answer_block(cell, evidence),),
        tuple(dict.fromkeys(warnings)),
        sections,
        list_legend(cells),
    )


def _build_grid_document(
    study: StudyRecord, cells: Sequence[CellView], warnings: tuple[str, ...], made: Section
) -> ReportDocument:
    """Return the report of a grid: a row and a section per setting, with the details of each folded."""
    counts = Counter(cell.answer.lead.rstrip(".:") for cell in cells)
    parts = [f"{lead.lower()} in {count}" for lead, count in counts.items()]
    summary = f"{', '.join(parts).capitalize()} of {len(cells)} settings."
    rows = tuple(
        (
            cell.label,
            remove_inline_markup(write_cell_question(cell)),
            remove_inline_markup(f"{cell.answer.lead} {cell.answer.sentence}"),
        )
        for cell in cells
    )
    headings = ("setting", "question", "answer")
    overview = Table("Answers by setting", headings, rows, text_headings=headings[1:])
    settings = tuple(_build_setting(cell) for cell in cells)
    claims = Section("raw", "Raw tables", (build_claims_fold(study),))
    heading = f"Does attention help in {len(cells)} settings?"
    first = Section("settings", "Results", (TableBlock("settings", overview),))
    return ReportDocument(
        heading,
        f"{heading} {summary}",
        list_facts(cells[0])[:1] if len({cell.test_images for cell in cells}) == 1 else (),
        (
            Paragraph(
                f"**{summary}** Each setting is a comparison of its own; all share one error rate."
            ),
        ),
        warnings,
        (first, *settings, made, claims),
        list_legend(cells),
    )


def _build_setting(cell: CellView) -> Section:
    """Return the section of one setting: answer and results open, all evidence folded."""
    results, *evidence = _build_evidence(cell)
    details: list[Block] = []
    for section in [*evidence, build_data_section(cell), build_raw_tables_section(cell)]:
        details += [Heading(section.title), *section.blocks]
    fold = Fold(
        "All evidence of this setting", "curves, classes, maps, cost, checks", tuple(details)
    )
    answer = build_answer_block(cell, evidence)
    question = Paragraph(write_cell_question(cell))
    blocks = (question, AnswerBlock(answer.answer, answer.careful), *results.blocks, fold)
    return Section(f"setting{cell.number}", cell.label, blocks)


def build_answer_block(cell: CellView, sections: Sequence[Section]) -> AnswerBlock:
    """Return the answer of a cell with what the checklist of its sections asks to be careful about."""
    checklists = [
        (section.name, block)
        for section in sections
        for block in section.blocks
        if isinstance(block, Checklist)
    ]
    careful = tuple(warning for _, block in checklists for warning in block.warnings)
    return AnswerBlock(cell.answer, careful, checklists[0][0] if checklists else "")


def write_cell_question(cell: CellView) -> str:
    """Return the question of a cell."""
    return write_question(
        [group.variant for group in cell.groups],
        model=cell.groups[0].runs[0].config["model"],
        data=cell.shared_results["data"],
        controls=cell.design.controls if cell.design else (),
    )


def list_legend(cells: Sequence[CellView]) -> tuple[tuple[int, str], ...]:
    """Return the style index and the name of each variant."""
    names = {group.style_index: group.variant for cell in cells for group in cell.groups}
    return tuple(sorted(names.items()))


def _build_evidence(cell: CellView) -> list[Section]:
    """Return the sections of one cell in the order in which a reader asks."""
    sections = [
        build_results_section(cell),
        build_curves_section(cell),
        build_class_section(cell),
        build_confusion_section(cell),
        build_occlusion_section(cell),
        build_robustness_section(cell),
        build_costs_section(cell),
        build_fairness_section(cell),
    ]
    return [section for section in sections if section is not None]
