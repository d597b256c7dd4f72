"""Public names of the analysis room."""

import foveal.analysis


def test_public_names() -> None:
    assert set(foveal.analysis.__all__) == {
        "GateSummary",
        "HypothesisResult",
        "MeanClassMaps",
        "OcclusionRecords",
        "RobustnessCurves",
        "VariantExtra",
        "VariantRuns",
        "average_maps_by_class",
        "check_hypotheses",
        "collect_occlusion_records",
        "collect_robustness_curves",
        "compare_with_baseline",
        "describe_loaded_weights",
        "find_caveats",
        "group_runs_by_variant",
        "list_variant_costs",
        "make_gate_cost_table",
        "make_stored_layer_table",
        "make_stored_torchsummary_table",
        "make_variant_cost_table",
        "normalize_rows",
        "read_stored_extras",
        "summarize_gates",
    }
    assert all(hasattr(foveal.analysis, name) for name in foveal.analysis.__all__)
