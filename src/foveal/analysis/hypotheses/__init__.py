"""Old observations of where attention helps, held against the records of a study; no torch."""

from foveal.analysis.hypotheses.findings import Finding, hypotheses_of

__all__ = ["Finding", "hypotheses_of"]
