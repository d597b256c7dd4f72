"""What a run and a study leave on disk, written whole or not at all, and read back without torch."""

from foveal.analysis.costs import costs_of
from foveal.analysis.gate_findings import GateFinding, gate_findings_of
from foveal.analysis.occlusion import ClassSheets, Sweeps, class_sheets_of, sweeps_of
from foveal.analysis.robustness import RobustnessCurves, curves_of
from foveal.atomic import atomic_write, get_partial_path
from foveal.records.design import Cell, Design, read_design, write_design
from foveal.records.manifest import is_complete, refuse_damage
from foveal.records.progress import RunProgress, read_progress, write_progress
from foveal.records.quarantine import set_aside
from foveal.records.run import RunRecord, has_extra, read_extras, read_run, write_extra, write_run
from foveal.records.schema import SCHEMA
from foveal.records.study import (
    StudyRecord,
    read_study,
    results_rows,
    write_notes,
    write_results,
)

__all__ = [
    "SCHEMA",
    "Cell",
    "ClassSheets",
    "Design",
    "GateFinding",
    "RobustnessCurves",
    "RunProgress",
    "RunRecord",
    "StudyRecord",
    "Sweeps",
    "class_sheets_of",
    "costs_of",
    "curves_of",
    "gate_findings_of",
    "has_extra",
    "is_complete",
    "get_partial_path",
    "read_design",
    "read_extras",
    "read_progress",
    "read_run",
    "read_study",
    "refuse_damage",
    "results_rows",
    "set_aside",
    "sweeps_of",
    "write_design",
    "write_extra",
    "write_notes",
    "write_progress",
    "write_results",
    "write_run",
    "atomic_write",
]
