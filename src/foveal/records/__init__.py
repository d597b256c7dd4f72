"""Files of a run and of a study: schema, atomic writes, verification, reading. No torch."""

from foveal.atomic import atomic_write, get_partial_path
from foveal.records.design import Cell, Design, read_design, write_design
from foveal.records.manifest import is_complete, verify_manifest
from foveal.records.progress import RunProgress, read_progress, write_progress
from foveal.records.quarantine import quarantine_folder
from foveal.records.run import RunRecord, has_extra, read_extras, read_run, write_extra, write_run
from foveal.records.schema import SCHEMA
from foveal.records.study import (
    StudyRecord,
    list_result_rows,
    read_study,
    write_notes,
    write_results_table,
)

__all__ = [
    "SCHEMA",
    "Cell",
    "Design",
    "RunProgress",
    "RunRecord",
    "StudyRecord",
    "atomic_write",
    "has_extra",
    "is_complete",
    "get_partial_path",
    "read_design",
    "read_extras",
    "read_progress",
    "read_run",
    "read_study",
    "verify_manifest",
    "list_result_rows",
    "quarantine_folder",
    "write_design",
    "write_extra",
    "write_notes",
    "write_progress",
    "write_results_table",
    "write_run",
]
