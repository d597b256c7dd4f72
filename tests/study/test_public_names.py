"""Public names of the study room."""

import foveal.study


def test_public_names() -> None:
    assert set(foveal.study.__all__) == {
        "Plan",
        "Progress",
        "RunConfig",
        "Study",
        "StudyConfig",
        "plan",
        "run",
        "run_in_pool",
        "run_in_process",
        "run_on_ray",
    }
    assert all(hasattr(foveal.study, name) for name in foveal.study.__all__)
