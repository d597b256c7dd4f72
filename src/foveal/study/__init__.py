"""Variants x seeds: what is to run, what is there already, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.study.config import RunConfig, StudyConfig
    from foveal.study.progress import Progress

if TYPE_CHECKING:
    from foveal.study.executors import in_process as in_process
    from foveal.study.executors import local_pool as local_pool
    from foveal.study.executors import ray_cluster as ray_cluster
    from foveal.study.planning import Plan as Plan
    from foveal.study.planning import plan as plan
    from foveal.study.run_evaluation import evaluate_run as evaluate_run
    from foveal.study.runner import run as run
    from foveal.study.study import Study as Study

__all__ = [
    "Plan",
    "Progress",
    "RunConfig",
    "Study",
    "StudyConfig",
    "evaluate_run",
    "in_process",
    "local_pool",
    "plan",
    "ray_cluster",
    "run",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "Plan": "planning",
        "Study": "study",
        "evaluate_run": "run_evaluation",
        "in_process": "executors",
        "local_pool": "executors",
        "plan": "planning",
        "ray_cluster": "executors",
        "run": "runner",
    },
    requirement=STUDY,
)
