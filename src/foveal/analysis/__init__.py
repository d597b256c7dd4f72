"""Analysis of finished runs: verdicts, costs, caveats, hypotheses and stored extras. No torch."""

from foveal.analysis.answer import write_answer
from foveal.analysis.answer_content import Answer
from foveal.analysis.caveats import describe_loaded_weights, find_caveats
from foveal.analysis.cell_answer import write_cell_answer
from foveal.analysis.class_differences import ClassDifference, compare_classes
from foveal.analysis.cost_tables import (
    make_gate_cost_table,
    make_stored_layer_table,
    make_variant_cost_table,
)
from foveal.analysis.costs import list_variant_costs
from foveal.analysis.course import describe_course
from foveal.analysis.data_description import describe_data
from foveal.analysis.display_names import (
    describe_variant,
    format_data_name,
    format_network_name,
    write_question,
)
from foveal.analysis.effect_sizes import EffectSizes, compute_effect_sizes
from foveal.analysis.final_slopes import FinalSlope, compute_final_slopes
from foveal.analysis.gate_summaries import GateSummary, summarize_gates
from foveal.analysis.hypotheses import HypothesisResult, check_hypotheses
from foveal.analysis.learning import (
    Guessing,
    compute_guessing,
    describe_failed_learning,
    find_failed_runs,
)
from foveal.analysis.looks import count_seeds_needed
from foveal.analysis.next_steps import NextSteps, SeedOutlook, find_next_steps
from foveal.analysis.occlusion import (
    MapAgreement,
    MeanClassMaps,
    OcclusionRecords,
    average_maps_by_class,
    collect_occlusion_records,
    compare_maps,
)
from foveal.analysis.other_test_images import describe_other_test_images
from foveal.analysis.robustness import RobustnessCurves, collect_robustness_curves
from foveal.analysis.stored_extras import VariantExtra, read_stored_extras
from foveal.analysis.training_times import (
    MAX_TIME_RATIO,
    TrainingTimes,
    compute_training_times,
)
from foveal.analysis.variant_runs import (
    VariantRuns,
    compare_cell_variants,
    group_runs_by_variant,
    normalize_rows,
    plan_design_looks,
)

__all__ = [
    "Answer",
    "MAX_TIME_RATIO",
    "ClassDifference",
    "EffectSizes",
    "FinalSlope",
    "GateSummary",
    "Guessing",
    "HypothesisResult",
    "MeanClassMaps",
    "MapAgreement",
    "NextSteps",
    "OcclusionRecords",
    "RobustnessCurves",
    "SeedOutlook",
    "TrainingTimes",
    "VariantExtra",
    "VariantRuns",
    "average_maps_by_class",
    "check_hypotheses",
    "collect_occlusion_records",
    "compare_maps",
    "collect_robustness_curves",
    "compare_cell_variants",
    "compare_classes",
    "compute_effect_sizes",
    "compute_final_slopes",
    "compute_guessing",
    "compute_training_times",
    "count_seeds_needed",
    "describe_course",
    "describe_data",
    "describe_failed_learning",
    "describe_loaded_weights",
    "describe_other_test_images",
    "describe_variant",
    "find_caveats",
    "find_failed_runs",
    "find_next_steps",
    "format_data_name",
    "format_network_name",
    "group_runs_by_variant",
    "list_variant_costs",
    "make_gate_cost_table",
    "make_stored_layer_table",
    "make_variant_cost_table",
    "normalize_rows",
    "plan_design_looks",
    "read_stored_extras",
    "summarize_gates",
    "write_answer",
    "write_cell_answer",
    "write_question",
]
