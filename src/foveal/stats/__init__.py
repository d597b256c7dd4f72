"""Statistics of differences: intervals, equivalence, power, sources of uncertainty and verdicts on arrays."""

from foveal.stats.comparison import MIN_SEEDS, Comparison
from foveal.stats.confidence_interval import compute_mean_interval
from foveal.stats.data_summary import DataSummary, summarize_data_sets
from foveal.stats.decision import Verdict
from foveal.stats.effect_size import (
    RemovedErrors,
    compute_difference_over_sd,
    compute_removed_errors,
)
from foveal.stats.equivalence import EquivalenceTest, run_equivalence_test
from foveal.stats.guessing import find_low_outliers, is_at_guessing
from foveal.stats.judge_design import JudgeDesign, make_judge_design
from foveal.stats.judgment import DataJudgment, Judgment
from foveal.stats.mcnemar import McNemarTest, run_mcnemar_test
from foveal.stats.outcome_unit import OutcomeUnit
from foveal.stats.power import (
    MAX_SEEDS_NEEDED,
    compute_detectable_difference,
    compute_power,
    compute_seeds_needed,
    compute_seeds_needed_interval,
)
from foveal.stats.random_effects import RandomEffects, combine_effects
from foveal.stats.sd_estimate import SdEstimate, compute_sd_interval, estimate_sd
from foveal.stats.self_check import SelfCheck, run_self_check
from foveal.stats.sequential import (
    LookResult,
    SequentialDesign,
    SequentialResult,
    compute_chance_of_verdict,
    plan_looks,
    run_sequential_test,
)
from foveal.stats.sequential_simulation import SequentialOutcomes, simulate_sequential_studies
from foveal.stats.simultaneous import compute_simultaneous_intervals
from foveal.stats.slope import TwoWaySlope, fit_two_way_slope
from foveal.stats.spread import SpreadRatio, compute_spread_ratio
from foveal.stats.table_verdicts import judge
from foveal.stats.value_checks import Suspicion, VariantValues
from foveal.stats.variance import VarianceSplit, split_variance
from foveal.stats.verdict import compare_accuracies, compare_variants
from foveal.stats.welch import WelchTest, run_welch_test
from foveal.stats.win_chance import WinChance, compute_win_chance

__all__ = [
    "MAX_SEEDS_NEEDED",
    "MIN_SEEDS",
    "Comparison",
    "DataJudgment",
    "DataSummary",
    "EquivalenceTest",
    "JudgeDesign",
    "Judgment",
    "LookResult",
    "McNemarTest",
    "OutcomeUnit",
    "RandomEffects",
    "RemovedErrors",
    "SdEstimate",
    "SelfCheck",
    "SequentialDesign",
    "SequentialOutcomes",
    "SequentialResult",
    "SpreadRatio",
    "Suspicion",
    "TwoWaySlope",
    "VarianceSplit",
    "VariantValues",
    "Verdict",
    "WelchTest",
    "WinChance",
    "combine_effects",
    "compare_accuracies",
    "compare_variants",
    "compute_chance_of_verdict",
    "compute_detectable_difference",
    "compute_difference_over_sd",
    "compute_mean_interval",
    "compute_power",
    "compute_removed_errors",
    "compute_sd_interval",
    "compute_seeds_needed",
    "compute_seeds_needed_interval",
    "compute_simultaneous_intervals",
    "compute_spread_ratio",
    "compute_win_chance",
    "estimate_sd",
    "find_low_outliers",
    "fit_two_way_slope",
    "is_at_guessing",
    "judge",
    "make_judge_design",
    "plan_looks",
    "run_equivalence_test",
    "run_mcnemar_test",
    "run_self_check",
    "run_sequential_test",
    "run_welch_test",
    "simulate_sequential_studies",
    "split_variance",
    "summarize_data_sets",
]
