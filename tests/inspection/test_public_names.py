"""Public names of the inspection room."""

import foveal.inspection


def test_public_names() -> None:
    assert set(foveal.inspection.__all__) == {
        "Explanation",
        "MapMetric",
        "TrainedRun",
        "choose_explained_images",
        "compute_map_metrics",
        "evaluate_run",
        "explain_runs",
        "find_trained_runs",
        "load_shared_images",
        "make_explanation_content",
        "write_explanation",
    }
    assert all(hasattr(foveal.inspection, name) for name in foveal.inspection.__all__)
