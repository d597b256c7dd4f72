"""Inspection of finished runs with their weights: evaluation, occlusion maps, map metrics, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY_EXTRA

if TYPE_CHECKING:
    from foveal.inspection.explanation_files import (
        make_explanation_content as make_explanation_content,
    )
    from foveal.inspection.explanation_files import write_explanation as write_explanation
    from foveal.inspection.explanations import Explanation as Explanation
    from foveal.inspection.explanations import choose_explained_images as choose_explained_images
    from foveal.inspection.explanations import explain_runs as explain_runs
    from foveal.inspection.map_quality import MapMetric as MapMetric
    from foveal.inspection.map_quality import compute_map_metrics as compute_map_metrics
    from foveal.inspection.run_evaluation import evaluate_run as evaluate_run
    from foveal.inspection.trained_runs import TrainedRun as TrainedRun
    from foveal.inspection.trained_runs import find_trained_runs as find_trained_runs
    from foveal.inspection.trained_runs import load_shared_images as load_shared_images

__all__ = [
    "Explanation",
    "MapMetric",
    "TrainedRun",
    "choose_explained_images",
    "compute_map_metrics",
    "evaluate_run",
    "explain_runs",
    "find_trained_runs",
    "load_shared_images",
    "make_explanation_content",
    "write_explanation",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "Explanation": "explanations",
        "MapMetric": "map_quality",
        "TrainedRun": "trained_runs",
        "choose_explained_images": "explanations",
        "compute_map_metrics": "map_quality",
        "evaluate_run": "run_evaluation",
        "explain_runs": "explanations",
        "find_trained_runs": "trained_runs",
        "load_shared_images": "trained_runs",
        "make_explanation_content": "explanation_files",
        "write_explanation": "explanation_files",
    },
    requirement=STUDY_EXTRA,
)
