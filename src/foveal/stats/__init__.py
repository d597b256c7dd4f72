"""How large a difference is, how sure that is, and what the design could have seen."""

from foveal.stats.power import detectable_difference, power, seeds_needed
from foveal.stats.verdict import Comparison, Verdict, compare, compare_variants
from foveal.stats.welch import Welch, welch

__all__ = [
    "Comparison",
    "Verdict",
    "Welch",
    "compare",
    "compare_variants",
    "detectable_difference",
    "power",
    "seeds_needed",
    "welch",
]
