"""Identity start: a new gate leaves its input unchanged, for networks that are already trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class IdentityStart(nn.Module):
    """A gate mixed in by a weight that starts at zero: F + a (G(F) - F), initially a = 0.

    The logits of the network do not change, bit for bit, until training moves `a` away from zero. From
    then on the gate receives gradients too. At a = 1 the output is that of the gate G. This adds one
    parameter per site.

    A new CBAM scales its branch by about 0.25 and a new BAM its stage by about 1.5, which would destroy the
    function of a pretrained network. The idea is that of ReZero (Bachlechner et al. 2020), applied to the
    difference between output and input of the gate.

    Args:
        gate: G.
        is_bounded: whether a is kept from 0 to 1, so that the factors of a gate stay positive. The gradient
            of a is that of an unbounded a, so that training can move it back.

    Shape: (N, C, H, W) to (N, C, H, W).
    """

    def __init__(self, gate: nn.Module, *, is_bounded: bool = False) -> None:
        super().__init__()
        self.gate = gate
        self.is_bounded = is_bounded
        self.weight = nn.Parameter(torch.zeros(()))

    @property
    def mixing_weight(self) -> Tensor:
        """The number a."""
        weight = self.weight
        if not self.is_bounded:
            return weight
        return weight.detach().clamp(0, 1) + (weight - weight.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return F + a (G(F) - F)."""
        mixed: Tensor = x + self.mixing_weight * (self.gate(x) - x)
        return mixed

    def extra_repr(self) -> str:
        """Return whether a is bounded, for printing."""
        return "is_bounded=True" if self.is_bounded else ""
