"""The contract of every attention module: a map in, a map out, and the attention map in between."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter

GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "hardsigmoid": nn.functional.hardsigmoid,
}


class Gate(nn.Module):
    """A module that weighs a feature map by an attention map computed from it.

    Subclasses give `logits`, the map before the gate function, of any shape that broadcasts
    against the input; here it goes through the gate function and multiplies the input.

    Shape: (N, C, H, W) to (N, C, H, W).
    """

    def __init__(self, *, gate: str = "sigmoid") -> None:
        super().__init__()
        self.gate = one_of("gate", gate, GATES)

    def logits(self, x: Tensor) -> Tensor:
        """Return the attention map before the gate function."""
        raise NotImplementedError

    def attention_map(self, x: Tensor) -> Tensor:
        """Return the attention map, broadcastable to the shape of `x`."""
        return GATES[self.gate](self.logits(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return M(F) (x) F."""
        return x * self.attention_map(x)

    def extra_repr(self) -> str:
        """Name the gate function where it is not the usual one."""
        return "" if self.gate == "sigmoid" else f"gate={self.gate!r}"


def one_of(name: str, value: str, choices: object) -> str:
    """Return `value` if it is one of `choices`, and say what they are if not."""
    allowed = list(choices)  # type: ignore[call-overload]
    if value not in allowed:
        raise bad_parameter(name, "one of " + ", ".join(map(repr, allowed)), value)
    return value


def at_least_one(name: str, value: int) -> int:
    """Return `value` if it is a whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad_parameter(name, "a whole number, at least 1", value)
    return value


def reduced_width(channels: int, reduction: int) -> int:
    """Return the width C/r of the bottleneck, never below 1.

    The authors' code takes floor(C/r), which is 0 where C < r, and a gate of 0 channels is a constant.

    >>> reduced_width(64, 16), reduced_width(8, 16)
    (4, 1)
    """
    return max(1, at_least_one("channels", channels) // at_least_one("reduction", reduction))
