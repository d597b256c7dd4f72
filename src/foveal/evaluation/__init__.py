"""Evaluation of a trained model: metrics, per-class and per-image results, and robustness."""

from foveal.evaluation.corruptions import (
    CORRUPTIONS,
    MAX_SEVERITY,
    corrupt_images,
    list_supported_corruptions,
)
from foveal.evaluation.metrics import Evaluation, compute_metrics, evaluate
from foveal.evaluation.predictions import Predictions, predict
from foveal.evaluation.robustness import OCCLUSION_FRACTIONS, Robustness, measure_robustness

__all__ = [
    "CORRUPTIONS",
    "MAX_SEVERITY",
    "OCCLUSION_FRACTIONS",
    "Evaluation",
    "Predictions",
    "Robustness",
    "compute_metrics",
    "corrupt_images",
    "evaluate",
    "list_supported_corruptions",
    "measure_robustness",
    "predict",
]
