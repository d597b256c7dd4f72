"""Variants x seeds: what is to run, what is there already, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.study.config import RunConfig, StudyConfig
    from foveal.study.progress import Progress

if TYPE_CHECKING:
    from foveal.study.executors import run_in_pool as run_in_pool
    from foveal.study.executors import run_in_process as run_in_process
    from foveal.study.executors import run_on_ray as run_on_ray
    from foveal.study.planning import Plan as Plan
    from foveal.study.planning import plan as plan
    from foveal.study.runner import run as run
    from foveal.study.study import Study as Study

__all__ = [
    "Plan",
    "Progress",
    "RunConfig",
    "Study",
    "StudyConfig",
    "run_in_process",
    "run_in_pool",
    "plan",
    "run_on_ray",
    "run",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "Plan": "planning",
        "Study": "study",
        "run_in_process": "executors",
        "run_in_pool": "executors",
        "plan": "planning",
        "run_on_ray": "executors",
        "run": "runner",
    },
    requirement=STUDY,
)
