"""Hypotheses on where attention helps, tested on the records of a study. No torch."""

from foveal.analysis.hypotheses.effects import Effect
from foveal.analysis.hypotheses.results import HypothesisResult, check_hypotheses

__all__ = ["Effect", "HypothesisResult", "check_hypotheses"]
