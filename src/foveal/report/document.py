"""All that a report says, collected from the records of a study or of one run, before any format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foveal.analysis.variant_runs import VariantRuns, group_runs_by_variant
from foveal.errors import UsageError
from foveal.records import StudyRecord, is_complete, read_run, read_study, schema
from foveal.report.blocks import Block, Picture, Section, Table, flat
from foveal.report.cell_view import Part
from foveal.report.sections.class_accuracy import classes_section
from foveal.report.sections.confusion import confusion_section
from foveal.report.sections.costs import architecture_section, costs_section
from foveal.report.sections.gates import gates_section
from foveal.report.sections.hypotheses import hypotheses_section
from foveal.report.sections.occlusion import looks_section
from foveal.report.sections.provenance import batch_section, config_of, made_section
from foveal.report.sections.results import result_section
from foveal.report.sections.robustness import robustness_section
from foveal.report.sections.training_curves import curves_section
from foveal.report.warnings import missing_pieces
from foveal.variant_names import BASELINE


@dataclass(frozen=True)
class Content:
    """What a report says: the parts that are judged, what is missing, and the sections in their order."""

    title: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def single(self) -> bool:
        """Whether it is about one run."""
        return self.parts[0].single

    @property
    def blocks(self) -> list[Block]:
        """All blocks of all sections."""
        return [block for section in self.sections for block in flat(section.blocks)]

    @property
    def tables(self) -> list[Table]:
        """All tables."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def pictures(self) -> list[Picture]:
        """All pictures."""
        return [block for block in self.blocks if isinstance(block, Picture)]

    def choices(self, name: str) -> list[str]:
        """Return the values of `variant`, `seed` or `class` by which a reader may choose pictures."""
        return list(dict.fromkeys(one.of[name] for one in self.pictures if name in one.of))


def content_of(folder: Path) -> Content:
    """Read the folder and collect what a report says.

    Raises:
        UsageError: `folder` is neither a study with a finished run nor a finished run.
        FovealError: a file of it is damaged.
    """
    if (folder / schema.STUDY).is_file():
        return of_study(read_study(folder))
    if is_complete(folder):
        return of_run(folder)
    raise UsageError(f"{folder} is neither a study nor a finished run.")


def of_run(folder: Path) -> Content:
    """Collect what is said of one run."""
    run = read_run(folder)
    variant = run.results["variant"]
    part = Part((VariantRuns(variant, 0 if variant == BASELINE else 1, (run,)),))
    sections = (*of_part(part), made_section([part], run.config, [run]))
    return Content(f"{variant} in {subject(part)}", (part,), (), sections)


def of_study(study: StudyRecord) -> Content:
    """Collect what is said of a study, cell by cell of its grid."""
    found = [part for part in study.parts() if part.runs]
    if not found:
        raise UsageError(f"{study.folder} has no finished run yet: there is nothing to report.")
    parts = tuple(
        Part(tuple(group_runs_by_variant(one)), one, one.cell.label if one.cell else "", place)
        for place, one in enumerate(found, 1)
    )
    missing = [
        f"{part.label}: {sentence}" if part.label else sentence
        for part, one in zip(parts, found, strict=True)
        for sentence in missing_pieces(one, part.arms)
    ]
    about = subject(parts[0]) if len(parts) == 1 else f"in {len(parts)} settings"
    return Content(
        f"Does attention help {about}?",
        parts,
        (*dict.fromkeys(missing), *study.notes),
        (
            *(section for part in parts for section in of_part(part)),
            hypotheses_section(study),
            made_section(parts, config_of(study.design), study.runs),
        ),
    )


def subject(part: Part) -> str:
    """Return network and data of a part."""
    return f"{part.arms[0].runs[0].config['model']} on {part.results['data']}"


def of_part(part: Part) -> tuple[Section, ...]:
    """Return the sections of one setting."""
    return (
        result_section(part),
        costs_section(part),
        curves_section(part),
        confusion_section(part),
        classes_section(part),
        looks_section(part),
        gates_section(part),
        robustness_section(part),
        batch_section(part),
        architecture_section(part),
    )
