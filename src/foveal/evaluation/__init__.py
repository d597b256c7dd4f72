"""What a trained network gets right, as a whole, per class and per image."""

from foveal.evaluation.evaluate import Evaluation, evaluate, measure
from foveal.evaluation.predict import Predictions, predict

__all__ = ["Evaluation", "Predictions", "evaluate", "measure", "predict"]
