"""Trackers: curves, final values and verdicts in TensorBoard or MLflow, through their own libraries.

A tracker that fails is left out with one warning; it never stops a run.
"""

from foveal.study.trackers.log import LogPlace, SafeLog, parse_trackers
from foveal.study.trackers.run_log import RunLog, place_run, place_study_run
from foveal.study.trackers.verdict_log import log_verdicts, open_trackers

__all__ = [
    "LogPlace",
    "RunLog",
    "SafeLog",
    "log_verdicts",
    "open_trackers",
    "parse_trackers",
    "place_run",
    "place_study_run",
]
