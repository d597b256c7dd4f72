"""Public names of the explanation package."""

import foveal.explanation


def test_public_names_are_fixed() -> None:
    assert set(foveal.explanation.__all__) == {
        "Agreement",
        "CONTROL_DRAWS",
        "Faithfulness",
        "GateMap",
        "GateStatistics",
        "GridCanvas",
        "Localization",
        "LocalizationMeasure",
        "OCCLUSION_PRESETS",
        "OcclusionResult",
        "boxes_to_masks",
        "gate_maps",
        "gate_statistics",
        "grad_cam",
        "has_gates",
        "localize",
        "make_grid_canvas",
        "measure_agreement",
        "measure_faithfulness",
        "occlusion_sensitivity",
        "random_maps",
        "to_model",
    }
    assert all(hasattr(foveal.explanation, name) for name in foveal.explanation.__all__)
