"""Public names of the records room."""

import foveal.records


def test_public_names() -> None:
    assert set(foveal.records.__all__) == {
        "Arrays",
        "Cell",
        "Design",
        "RunProgress",
        "RunRecord",
        "SCHEMA_VERSION",
        "StudyRecord",
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
        "read_study",
        "verify_manifest",
        "write_design",
        "write_extra",
        "write_json",
        "write_progress",
        "write_results_table",
        "write_run",
    }
    assert all(hasattr(foveal.records, name) for name in foveal.records.__all__)
