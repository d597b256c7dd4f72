"""A gate at the layer before an activation, for activations that are functions or shared by several layers."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class GateBeforeActivation(nn.Module):
    """A gate for f(x), f a ReLU or LeakyReLU, applied to x: f(out) = G(f(x)) for a gate with positive factors.

    out = G(f(x)), below zero divided by the slope of f there

    A factor m > 0 commutes with f: f(m x) = m f(x). So the network computes the same as with the gate after f,
    up to rounding. Below zero, `out` is zero for a ReLU, and m x for a LeakyReLU.

    Args:
        gate: G, a module that multiplies each value by a positive factor.
        negative_slope: slope of f below zero; 0 for a ReLU.

    Shape: (N, C, H, W) to (N, C, H, W).
    """

    def __init__(self, gate: nn.Module, *, negative_slope: float) -> None:
        super().__init__()
        self.gate = gate
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Return G(f(x)), mapped back to the input of f."""
        if self.negative_slope == 0:
            weighted: Tensor = self.gate(functional.relu(x))
            return weighted
        weighted = self.gate(functional.leaky_relu(x, self.negative_slope))
        return functional.leaky_relu(weighted, 1 / self.negative_slope)

    def extra_repr(self) -> str:
        """Return the slope, for printing."""
        return f"negative_slope={self.negative_slope}"
