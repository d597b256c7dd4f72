"""Files of a run and of a study: schema, atomic writes, verification, reading. No torch."""

from foveal.records.design import Cell, Design, read_design, write_design
from foveal.records.manifest import is_complete, verify_manifest
from foveal.records.progress import RunProgress, read_progress, write_progress
from foveal.records.quarantine import list_run_folders, quarantine_folder
from foveal.records.run import (
    Arrays,
    RunRecord,
    has_extra,
    read_extra,
    read_extras,
    read_predictions,
    read_results,
    read_run,
    write_extra,
    write_json,
    write_run,
)
from foveal.records.schema import SCHEMA_VERSION
from foveal.records.step_times import VariantStepTime, read_step_times, write_step_times
from foveal.records.study import StudyRecord, list_result_rows, read_study, write_results_table

__all__ = [
    "SCHEMA_VERSION",
    "Arrays",
    "Cell",
    "Design",
    "RunProgress",
    "RunRecord",
    "StudyRecord",
    "VariantStepTime",
    "has_extra",
    "is_complete",
    "list_result_rows",
    "list_run_folders",
    "quarantine_folder",
    "read_design",
    "read_extra",
    "read_extras",
    "read_predictions",
    "read_progress",
    "read_results",
    "read_run",
    "read_step_times",
    "read_study",
    "verify_manifest",
    "write_design",
    "write_extra",
    "write_json",
    "write_progress",
    "write_results_table",
    "write_run",
    "write_step_times",
]
