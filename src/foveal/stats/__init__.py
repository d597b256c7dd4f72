"""Statistics of differences: intervals, equivalence, power, sources of uncertainty and verdicts on arrays."""

from foveal.stats.bootstrap import BootstrapResult, run_two_way_bootstrap
from foveal.stats.comparison import MIN_SEEDS, Comparison, Verdict
from foveal.stats.confidence_interval import compute_mean_interval
from foveal.stats.equivalence import EquivalenceTest, run_equivalence_test
from foveal.stats.mcnemar import McNemarTest, run_mcnemar_test
from foveal.stats.power import (
    MAX_SEEDS_NEEDED,
    compute_detectable_difference,
    compute_power,
    compute_seeds_needed,
)
from foveal.stats.slope import TwoWaySlope, fit_two_way_slope
from foveal.stats.variance import VarianceSplit, split_variance
from foveal.stats.verdict import compare_accuracies, compare_variants
from foveal.stats.welch import WelchTest, run_welch_test

__all__ = [
    "MAX_SEEDS_NEEDED",
    "MIN_SEEDS",
    "BootstrapResult",
    "Comparison",
    "EquivalenceTest",
    "McNemarTest",
    "TwoWaySlope",
    "VarianceSplit",
    "Verdict",
    "WelchTest",
    "compare_accuracies",
    "compare_variants",
    "compute_detectable_difference",
    "compute_mean_interval",
    "compute_power",
    "compute_seeds_needed",
    "fit_two_way_slope",
    "run_equivalence_test",
    "run_mcnemar_test",
    "run_two_way_bootstrap",
    "run_welch_test",
    "split_variance",
]
