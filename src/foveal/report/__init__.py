"""A page, tables and figures from records alone: no torch, no retraining, no network."""

from foveal.report.arms import comparisons
from foveal.report.files import Report, compare, report

__all__ = ["Report", "compare", "comparisons", "report"]
