"""How large a difference is, how sure that is, and what the design could have seen."""

from foveal.stats.bootstrap import Bootstrap, two_way_bootstrap
from foveal.stats.comparison import FEWEST_SEEDS, Comparison, Verdict
from foveal.stats.confidence_interval import mean_interval
from foveal.stats.equivalence import Equivalence, equivalence
from foveal.stats.mcnemar import McNemar, mcnemar
from foveal.stats.power import detectable_difference, power, seeds_needed
from foveal.stats.slope import Slope, two_way_slope
from foveal.stats.variance import VarianceSplit, variance_split
from foveal.stats.verdict import compare, compare_variants
from foveal.stats.welch import Welch, welch

__all__ = [
    "FEWEST_SEEDS",
    "Bootstrap",
    "Comparison",
    "Equivalence",
    "McNemar",
    "Slope",
    "VarianceSplit",
    "Verdict",
    "Welch",
    "compare",
    "compare_variants",
    "detectable_difference",
    "equivalence",
    "mcnemar",
    "mean_interval",
    "power",
    "seeds_needed",
    "two_way_bootstrap",
    "two_way_slope",
    "variance_split",
    "welch",
]
