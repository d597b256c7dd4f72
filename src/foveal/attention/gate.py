"""Base class of attention modules: a feature map in, a weighted map out, the attention map observable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from foveal.validation import require_one_of, require_positive_int

GATE_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "hardsigmoid": nn.functional.hardsigmoid,
}
_ROUNDINGS = ("floor", "nearest")


class Gate(nn.Module):
    """A module that weights a feature map F by an attention map M(F) computed from it.

    F' = M(F) (x) F, or F' = F + M(F) (x) F if `residual` is true

    Subclasses implement `logits`, the map before the gate function sigma, or `attention_map`, the map
    itself. Its shape broadcasts against the input. The map passes through the child `map_probe`, an
    identity: a forward hook on it receives the map without another forward pass (see `capture_maps`). The
    output has the dtype of the input, whatever the dtype of the map. `value_range` contains the smallest and
    the largest value that a map can have; a subclass whose map has another range than sigma sets it.

    Shape: (N, C, H, W) to (N, C, H, W).
    """

    residual = False
    value_range: tuple[float, float] = (0.0, 1.0)

    def __init__(self, *, gate: str = "sigmoid") -> None:
        super().__init__()
        self.gate = require_one_of("gate", gate, GATE_FUNCTIONS)
        self.map_probe = nn.Identity()

    def logits(self, x: Tensor) -> Tensor:
        """Return the attention map before the gate function."""
        raise NotImplementedError

    def attention_map(self, x: Tensor) -> Tensor:
        """Return M(F), broadcastable to the shape of `x`."""
        return GATE_FUNCTIONS[self.gate](self.logits(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return F'."""
        weights = self.map_probe(self.attention_map(x)).to(x.dtype)
        return torch.addcmul(x, x, weights) if self.residual else x * weights

    def extra_repr(self) -> str:
        """Return the gate function, for printing, unless it is the sigmoid."""
        return "" if self.gate == "sigmoid" else f"gate={self.gate!r}"


def compute_bottleneck_width(
    channels: int, reduction: int, *, rounding: str = "floor", minimum: int = 1
) -> int:
    """Return the width C/r of a bottleneck as an integer of at least `minimum`.

    Without the minimum, floor(C/r) as in the authors' code of CBAM is 0 for C < r, and the map does not
    depend on the input.

    >>> [compute_bottleneck_width(channels, 16) for channels in (64, 24, 8)]
    [4, 1, 1]
    >>> compute_bottleneck_width(24, 16, rounding="nearest")
    2
    """
    require_positive_int("channels", channels)
    require_positive_int("reduction", reduction)
    half = reduction if require_one_of("rounding", rounding, _ROUNDINGS) == "nearest" else 0
    return max(minimum, (2 * channels + half) // (2 * reduction))
