"""The contract of every attention module: a map in, a map out, and the attention map in between."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from foveal.validation import require_one_of, require_positive_int

GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "hardsigmoid": nn.functional.hardsigmoid,
}
ROUNDINGS = ("floor", "nearest")


class Gate(nn.Module):
    """A module that weighs a feature map F by an attention map M(F) computed from it.

    F' = M(F) (x) F, or F' = F + M(F) (x) F where `residual` is true

    Subclasses give `logits`, the map before the gate function sigma, or else `attention_map`, the map
    itself, of any shape that broadcasts against the input. The map passes through the child `tap`,
    which does nothing: a forward hook there sees it without another forward pass (`captured_maps`
    hangs such hooks). The output has the dtype of the input, whatever the map was computed in.

    Shape: (N, C, H, W) to (N, C, H, W).
    """

    residual = False

    def __init__(self, *, gate: str = "sigmoid") -> None:
        super().__init__()
        self.gate = require_one_of("gate", gate, GATES)
        self.tap = nn.Identity()

    def logits(self, x: Tensor) -> Tensor:
        """Return the attention map before the gate function."""
        raise NotImplementedError

    def attention_map(self, x: Tensor) -> Tensor:
        """Return M(F), broadcastable to the shape of `x`."""
        return GATES[self.gate](self.logits(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return F'."""
        weights = self.tap(self.attention_map(x)).to(x.dtype)
        return torch.addcmul(x, x, weights) if self.residual else x * weights

    def extra_repr(self) -> str:
        """Name the gate function where it is not the usual one."""
        return "" if self.gate == "sigmoid" else f"gate={self.gate!r}"


def reduced_width(channels: int, reduction: int, *, rounding: str = "floor", least: int = 1) -> int:
    """Return the width C/r of a bottleneck, a whole number and never below `least`.

    The authors' code of CBAM takes floor(C/r), which is 0 where C < r: then the map no longer depends
    on the input.

    >>> reduced_width(64, 16), reduced_width(8, 16), reduced_width(24, 16, rounding="nearest")
    (4, 1, 2)
    """
    require_positive_int("channels", channels)
    require_positive_int("reduction", reduction)
    half = reduction if require_one_of("rounding", rounding, ROUNDINGS) == "nearest" else 0
    return max(least, (2 * channels + half) // (2 * reduction))
