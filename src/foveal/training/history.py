"""The curves of a training, a row an epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One row of the curves.

    Losses are cross-entropies without label smoothing. Those of the training set are means over the
    epoch's own batches, taken before each step; `time_seconds` is that of training, not evaluation.
    `learning_rate` is that of the first of the optimizer's groups.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    time_seconds: float
