"""Training curves: one row of metrics per epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one epoch.

    Losses are cross-entropies without label smoothing. The training metrics are means over the batches
    of the epoch, each computed before its optimizer step. `time_seconds` is the time of training
    without evaluation, and `learning_rate` the rate of the first parameter group at the epoch's start.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    time_seconds: float
