"""Old observations of where attention helps, held against the records of a study; no torch."""

from foveal.analysis.hypotheses.findings import HypothesisResult, check_hypotheses

__all__ = ["HypothesisResult", "check_hypotheses"]
