"""What networks cost: parameters, multiply-adds and what they leave out, memory, time."""

from foveal.cost.comparison import CostComparison
from foveal.cost.layers import Layer
from foveal.cost.measure import compare_costs, measure_cost
from foveal.cost.report import Conditions, CostReport
from foveal.cost.sites import SiteCost
from foveal.cost.timing import Timing
from foveal.cost.totals import Totals

__all__ = [
    "Conditions",
    "CostComparison",
    "CostReport",
    "Layer",
    "SiteCost",
    "Timing",
    "Totals",
    "compare_costs",
    "measure_cost",
]
