"""Loss, top-1 and top-5, per class, confusion and calibration, from one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from foveal.evaluation.predict import Predictions, predict

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
    from torchmetrics.functional.classification import (  # 2.6 s, which only a full evaluation needs
        multiclass_calibration_error,
        multiclass_confusion_matrix,
    )

    logits, labels = predictions.logits, predictions.labels
    classes = logits.shape[1]
    confusion = multiclass_confusion_matrix(logits, labels, num_classes=classes).numpy()
    calibration = multiclass_calibration_error(
        logits, labels, num_classes=classes, n_bins=CALIBRATION_BINS
    )
    in_top5 = None
    if classes >= FEWEST_CLASSES_FOR_TOP5:
        in_top5 = (logits.topk(5).indices == labels[:, None]).any(1).numpy()
    with np.errstate(invalid="ignore"):
        per_class = confusion.diagonal() / confusion.sum(1)
    predicted = logits.argmax(1)
    return Evaluation(
        loss=predictions.loss,
        accuracy=predictions.accuracy,
        top5_accuracy=None if in_top5 is None else float(in_top5.mean()),
        calibration_error=float(calibration),
        per_class=per_class,
        confusion=confusion,
        labels=labels.numpy(),
        predicted=predicted.numpy(),
        correct=(predicted == labels).numpy(),
        correct_top5=in_top5,
    )
