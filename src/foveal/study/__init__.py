"""Studies: variants x seeds, from a config to a resolved design, its runs and their status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY_EXTRA, suggest_install

with suggest_install(STUDY_EXTRA):
    from foveal.study.config import RunConfig, StudyConfig
    from foveal.study.progress import LineProgress, Progress

if TYPE_CHECKING:
    from foveal.study.executors import run_in_pool as run_in_pool
    from foveal.study.executors import run_in_process as run_in_process
    from foveal.study.executors import run_on_ray as run_on_ray
    from foveal.study.planning import Plan as Plan
    from foveal.study.planning import plan as plan
    from foveal.study.runner import run as run
    from foveal.study.study import Study as Study

__all__ = [
    "LineProgress",
    "Plan",
    "Progress",
    "RunConfig",
    "Study",
    "StudyConfig",
    "plan",
    "run",
    "run_in_pool",
    "run_in_process",
    "run_on_ray",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "Plan": "planning",
        "Study": "study",
        "plan": "planning",
        "run": "runner",
        "run_in_pool": "executors",
        "run_in_process": "executors",
        "run_on_ray": "executors",
    },
    requirement=STUDY_EXTRA,
)
