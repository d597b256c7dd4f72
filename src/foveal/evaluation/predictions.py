"""Predictions: the logits of a model for a set of images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveal.module_modes import eval_mode


@dataclass(frozen=True)
class Predictions:
    """Logits (N, K) in float32 and labels (N,), both on the CPU, in the order of the images."""

    logits: Tensor
    labels: Tensor

    @property
    def loss(self) -> float:
        """Mean cross-entropy without label smoothing."""
        return float(nn.functional.cross_entropy(self.logits.double(), self.labels))

    @property
    def accuracy(self) -> float:
        """Fraction of images for which the label has the highest logit."""
        return float((self.logits.argmax(1) == self.labels).double().mean())


@torch.no_grad()
def predict(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Predictions:
    """Return the logits of `model` for all batches, computed in eval mode; restore its modes."""
    with eval_mode(model):
        pairs = [(model(images).float(), labels) for images, labels in batches]
    logits, labels = zip(*pairs, strict=True)
    return Predictions(torch.cat(logits).cpu(), torch.cat(labels).cpu())
