"""Content of a report, collected from the records of a study or a run, independent of any file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foveal.analysis import VariantRuns, describe_failed_learning, group_runs_by_variant
from foveal.analysis.caveats import find_caveats
from foveal.errors import UsageError
from foveal.records import StudyRecord, is_complete, read_run, read_study, schema
from foveal.report.blocks import Block, FigureBlock, Section, TableBlock, flatten_blocks
from foveal.report.cell_view import CellView
from foveal.report.sections.class_accuracy import build_class_accuracy_section
from foveal.report.sections.confusion import build_confusion_section
from foveal.report.sections.costs import build_costs_section, build_layers_section
from foveal.report.sections.gates import build_gates_section
from foveal.report.sections.hypotheses import build_hypotheses_section
from foveal.report.sections.occlusion import build_occlusion_section
from foveal.report.sections.provenance import (
    build_provenance_section,
    build_training_batch_section,
    flatten_config,
)
from foveal.report.sections.results import build_results_section
from foveal.report.sections.robustness import build_robustness_section
from foveal.report.sections.training_curves import build_training_curves_section
from foveal.report.warnings import list_warnings
from foveal.variant_names import BASELINE


@dataclass(frozen=True)
class ReportDocument:
    """Title, cells, warnings and sections of a report, in the order of the page."""

    title: str
    cells: tuple[CellView, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def is_single_run(self) -> bool:
        """True if the report is about one run."""
        return self.cells[0].is_single_run

    @property
    def blocks(self) -> list[Block]:
        """All blocks of all sections, without nesting."""
        return [block for section in self.sections for block in flatten_blocks(section.blocks)]

    @property
    def tables(self) -> list[TableBlock]:
        """All tables."""
        return [block for block in self.blocks if isinstance(block, TableBlock)]

    @property
    def figures(self) -> list[FigureBlock]:
        """All figures."""
        return [block for block in self.blocks if isinstance(block, FigureBlock)]

    def list_filter_values(self, name: str) -> list[str]:
        """Return the values of `variant`, `seed` or `class` by which a reader can filter figures."""
        values = (figure.filters[name] for figure in self.figures if name in figure.filters)
        return list(dict.fromkeys(values))


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
    sections = (*_build_cell_sections(cell), build_provenance_section([cell], run.config, [run]))
    return ReportDocument(f"{variant} in {_describe_task(cell)}", (cell,), (), sections)


def _build_study_document(study: StudyRecord) -> ReportDocument:
    """Return the report of a study, with the sections of each cell of its grid."""
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
    task = _describe_task(cells[0]) if len(cells) == 1 else f"in {len(cells)} settings"
    return ReportDocument(
        _make_title(task, cells),
        cells,
        (*dict.fromkeys(warnings), *find_caveats(study)),
        (
            *(section for cell in cells for section in _build_cell_sections(cell)),
            build_hypotheses_section(study),
            build_provenance_section(cells, flatten_config(study.design), study.runs),
        ),
    )


def _make_title(task: str, cells: Sequence[CellView]) -> str:
    """Return the question, answered only if nothing was learned in any cell."""
    question = f"Does attention help {task}?"
    comparisons = [comparison for cell in cells for comparison in cell.comparisons]
    if not comparisons or not all(each.has_learned_nothing for each in comparisons):
        return question
    return f"{question} {describe_failed_learning(cells[0].comparisons)}"


def _describe_task(cell: CellView) -> str:
    """Return the model and the data of a cell, for example `resnet18 on cifar10`."""
    return f"{cell.groups[0].runs[0].config['model']} on {cell.shared_results['data']}"


def _build_cell_sections(cell: CellView) -> tuple[Section, ...]:
    """Return the sections of one cell in the order of the page."""
    return (
        build_results_section(cell),
        build_costs_section(cell),
        build_training_curves_section(cell),
        build_confusion_section(cell),
        build_class_accuracy_section(cell),
        build_occlusion_section(cell),
        build_gates_section(cell),
        build_robustness_section(cell),
        build_training_batch_section(cell),
        build_layers_section(cell),
    )
