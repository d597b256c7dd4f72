"""A start from which a fresh gate changes nothing, for networks that are trained already."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class IdentityStart(nn.Module):
    """Mix a gate in by a weight that starts at zero: F + a (G(F) - F), a = 0 at the start.

    The logits of the network stay as they were, to the last bit, until `a` has learnt to leave zero;
    with it the gate begins to learn. At a = 1 it is the gate G alone. One parameter more a site.

    A fresh CBAM multiplies its branch by about 0.25 and a fresh BAM its stage by about 1.5, so a
    pretrained network would lose its function at once. The idea is that of ReZero (Bachlechner et al.
    2020), used here on the difference that the gate makes.

    Shape: (N, C, H, W) to (N, C, H, W).
    """

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return F + a (G(F) - F)."""
        mixed: Tensor = x + self.weight * (self.gate(x) - x)
        return mixed
