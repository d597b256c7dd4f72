"""Analysis of finished runs: verdicts, costs, caveats, hypotheses and stored extras, without torch."""

from foveal.analysis.caveats import describe_loaded_weights, find_caveats
from foveal.analysis.cost_tables import (
    make_gate_cost_table,
    make_stored_layer_table,
    make_torchsummary_table,
    make_variant_cost_table,
)
from foveal.analysis.costs import list_variant_costs
from foveal.analysis.gate_findings import GateSummary, summarize_gates
from foveal.analysis.hypotheses import HypothesisResult, check_hypotheses
from foveal.analysis.occlusion import (
    MeanClassMaps,
    OcclusionRecords,
    average_maps_by_class,
    collect_occlusion_records,
)
from foveal.analysis.robustness import RobustnessCurves, collect_robustness_curves
from foveal.analysis.variant_runs import (
    VariantRuns,
    compare_with_baseline,
    group_runs_by_variant,
)

__all__ = [
    "VariantRuns",
    "MeanClassMaps",
    "HypothesisResult",
    "GateSummary",
    "RobustnessCurves",
    "OcclusionRecords",
    "group_runs_by_variant",
    "average_maps_by_class",
    "compare_with_baseline",
    "list_variant_costs",
    "make_gate_cost_table",
    "make_stored_layer_table",
    "make_torchsummary_table",
    "make_variant_cost_table",
    "collect_robustness_curves",
    "summarize_gates",
    "check_hypotheses",
    "find_caveats",
    "collect_occlusion_records",
    "describe_loaded_weights",
]
