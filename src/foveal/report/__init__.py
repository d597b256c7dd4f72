"""Figures and one HTML page from records alone: no torch, no retraining, no network."""

from foveal.report.arms import comparisons
from foveal.report.page import report

__all__ = ["comparisons", "report"]
