"""Metrics of a model: loss, top-1 and top-5 accuracy, per class, confusion and calibration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from foveal.evaluation.predictions import Predictions, predict

_MIN_CLASSES_FOR_TOP5 = 20
_CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """Metrics for N images of K classes; accuracies are fractions.

    `predicted` is the class with the largest logit, the first one of equals. `correct_top5` (N,) is 1 for a hit
    and 0 for a miss; if classes tie with the label, it is the chance of a hit with the ties in random order.
    It and `top5_accuracy` are None for fewer than 20 classes, where top-5 says little.
    `calibration_error` is the expected calibration error over 15 equal bins (Guo et al. 2017). Rows
    of `confusion` (K, K) are the true classes. `per_class_accuracy` (K,) is NaN for a class without
    images. `log_losses` (N,) are the negative log-likelihoods of the labels, in nats, and `brier_scores`
    (N,) the squared distances of the probabilities from the labels, from 0 to 2 (Brier 1950).
    """

    loss: float
    accuracy: float
    top5_accuracy: float | None
    calibration_error: float
    per_class_accuracy: npt.NDArray[np.float64]
    confusion: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]
    correct_top5: npt.NDArray[np.float64] | None
    log_losses: npt.NDArray[np.float64]
    brier_scores: npt.NDArray[np.float64]


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Evaluation:
    """Return the metrics of `model` on batches of images (N, C, H, W) and labels (N,)."""
    return compute_metrics(predict(model, batches))


def compute_metrics(predictions: Predictions) -> Evaluation:
    """Return the metrics of existing predictions."""
    logits, labels = predictions.logits, predictions.labels.numpy()
    predicted = logits.argmax(1).numpy()
    confusion = _compute_confusion_matrix(labels, predicted, logits.shape[1])
    correct_top5 = None
    if logits.shape[1] >= _MIN_CLASSES_FOR_TOP5:
        correct_top5 = _compute_expected_hits(logits, predictions.labels, 5)
    with np.errstate(invalid="ignore"):
        per_class_accuracy = confusion.diagonal() / confusion.sum(1)
    return Evaluation(
        loss=predictions.loss,
        accuracy=predictions.accuracy,
        top5_accuracy=None if correct_top5 is None else float(correct_top5.mean()),
        calibration_error=_compute_calibration_error(logits.softmax(1).numpy(), labels),
        per_class_accuracy=per_class_accuracy,
        confusion=confusion,
        labels=labels,
        predicted=predicted,
        correct=predicted == labels,
        correct_top5=correct_top5,
        log_losses=nn.functional.cross_entropy(
            logits.double(), predictions.labels, reduction="none"
        ).numpy(),
        brier_scores=_compute_brier_scores(logits, predictions.labels),
    )


def _compute_brier_scores(logits: Tensor, labels: Tensor) -> npt.NDArray[np.float64]:
    """Return the squared distance between the probabilities and the one-hot label of each image.

    >>> import torch
    >>> _compute_brier_scores(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).tolist()
    [0.5]
    """
    targets = nn.functional.one_hot(labels, logits.shape[1])
    return np.asarray((logits.double().softmax(1) - targets).square().sum(1).numpy())


def _compute_expected_hits(logits: Tensor, labels: Tensor, k: int) -> npt.NDArray[np.float64]:
    """Return the chance that the label of each image is among the k largest logits, ties in random order.

    With h logits above that of the label and t equal to it, itself included, the chance is (k - h) / t,
    between 0 and 1. So constant logits hit k of K classes, whatever the order of the classes.

    >>> import torch
    >>> _compute_expected_hits(torch.tensor([[2.0, 1.0, 1.0, 0.0]]), torch.tensor([2]), 2).tolist()
    [0.5]
    """
    of_label = logits.gather(1, labels[:, None])
    higher = (~(logits <= of_label)).sum(1)  # a NaN is above everything
    ties = (logits == of_label).sum(1).clamp(min=1)
    return np.asarray(((k - higher).double() / ties).clamp(0, 1).numpy())


def _compute_confusion_matrix(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.int64]:
    """Return the number of images of each true class (rows) and predicted class (columns), (K, K).

    >>> _compute_confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.bincount(labels * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes)


def _compute_calibration_error(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> float:
    """Return the mean gap between confidence and accuracy over equal bins of confidence.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence = probabilities.max(1).astype(np.float64)
    correct = probabilities.argmax(1) == labels
    bins = np.ceil(confidence * _CALIBRATION_BINS).astype(np.int64)  # bin 1 is (0, 1/15]
    gaps = np.bincount(bins, weights=correct - confidence, minlength=_CALIBRATION_BINS + 1)
    return float(np.abs(gaps).sum() / len(labels))
