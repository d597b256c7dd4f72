"""Loss, top-1 and top-5, per class, confusion and calibration, from one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from foveal.evaluation.predictions import Predictions, predict

FEWEST_CLASSES_FOR_TOP5 = 20
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """What was measured on N images of K classes; accuracies are fractions.

    `top5_accuracy` and `correct_top5` are None below 20 classes, where the fifth guess says little.
    `calibration_error` is the expected calibration error over 15 equal bins (Guo et al. 2017). Rows
    of `confusion` (K, K) are the true classes; `per_class` (K,) is NaN for a class without images.
    """

    loss: float
    accuracy: float
    top5_accuracy: float | None
    calibration_error: float
    per_class: npt.NDArray[np.float64]
    confusion: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]
    correct_top5: npt.NDArray[np.bool_] | None


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Evaluation:
    """Run the model over `batches` of images (N, C, H, W) and labels (N,), and measure."""
    return measure(predict(model, batches))


def measure(predictions: Predictions) -> Evaluation:
    """Measure predictions that are there already."""
    logits, labels = predictions.logits, predictions.labels.numpy()
    predicted = logits.argmax(1).numpy()
    counts = confusion_matrix(labels, predicted, logits.shape[1])
    in_top5 = None
    if logits.shape[1] >= FEWEST_CLASSES_FOR_TOP5:
        in_top5 = (logits.topk(5).indices == predictions.labels[:, None]).any(1).numpy()
    with np.errstate(invalid="ignore"):
        per_class = counts.diagonal() / counts.sum(1)
    return Evaluation(
        loss=predictions.loss,
        accuracy=predictions.accuracy,
        top5_accuracy=None if in_top5 is None else float(in_top5.mean()),
        calibration_error=calibration_error(logits.softmax(1).numpy(), labels),
        per_class=per_class,
        confusion=counts,
        labels=labels,
        predicted=predicted,
        correct=predicted == labels,
        correct_top5=in_top5,
    )


def confusion_matrix(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.int64]:
    """Count how often each class (rows) was taken for each (columns), (K, K).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def calibration_error(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> float:
    """Return the mean gap between confidence and accuracy over equal bins of confidence.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence = probabilities.max(1).astype(np.float64)
    hit = probabilities.argmax(1) == labels
    bins = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64)  # (0, 1/15] is the first
    gaps = np.bincount(bins, weights=hit - confidence, minlength=CALIBRATION_BINS + 1)
    return float(np.abs(gaps).sum() / len(labels))
