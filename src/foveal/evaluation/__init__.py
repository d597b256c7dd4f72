"""What a trained network gets right: as a whole, per class, per image, and on images made worse."""

from foveal.evaluation.corruptions import CORRUPTIONS, corrupt
from foveal.evaluation.metrics import Evaluation, evaluate, measure
from foveal.evaluation.predictions import Predictions, predict
from foveal.evaluation.robustness import Robustness, robustness

__all__ = [
    "CORRUPTIONS",
    "Evaluation",
    "Predictions",
    "Robustness",
    "corrupt",
    "evaluate",
    "measure",
    "predict",
    "robustness",
]
