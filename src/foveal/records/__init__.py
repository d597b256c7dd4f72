"""What a run and a study leave on disk, written whole or not at all, and read back without torch."""

from foveal.records.atomic import partial_path, written_aside
from foveal.records.run import RunRecord, is_complete, read_run, write_run
from foveal.records.schema import SCHEMA
from foveal.records.study import StudyRecord, read_study, results_rows, write_results

__all__ = [
    "SCHEMA",
    "RunRecord",
    "StudyRecord",
    "is_complete",
    "partial_path",
    "read_run",
    "read_study",
    "results_rows",
    "write_results",
    "write_run",
    "written_aside",
]
