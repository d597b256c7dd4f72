"""Cost of networks: parameters, multiply-adds, other arithmetic, memory and time."""

from foveal.cost.breakdown import Layer, SiteCost, Totals
from foveal.cost.conditions import Conditions
from foveal.cost.measure import compare_costs, measure_cost
from foveal.cost.report import CostComparison, CostReport
from foveal.cost.timing import Timing

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
