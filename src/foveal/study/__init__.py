"""Variants x seeds: what is to run, what is there already, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazily
from foveal.study.config import RunConfig, StudyConfig
from foveal.study.progress import Progress

if TYPE_CHECKING:
    from foveal.study.runner import evaluate_run as evaluate_run
    from foveal.study.runner import run as run
    from foveal.study.study import Study as Study
    from foveal.study.study import comparisons as comparisons

__all__ = [
    "Progress",
    "RunConfig",
    "Study",
    "StudyConfig",
    "comparisons",
    "evaluate_run",
    "run",
]
__getattr__ = lazily(
    __name__, {"Study": "study", "comparisons": "study", "evaluate_run": "runner", "run": "runner"}
)
