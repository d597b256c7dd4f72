"""SimAM: attention without parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from foveal.attention.gate import Gate
from foveal.attention.registry import register
from foveal.validation import require_positive, require_positive_int


@register(
    "simam",
    where="residual",
    positive_factor=True,
    deviations=(
        ("divisor of the variance", "H W - 1, as in the authors' code", "H W"),
        ("1x1 map, for which v is 0/0", "sigma(1/2), the limit", "not specified"),
    ),
)
class SimAM(Gate):
    """SimAM: weights each value by its squared distance from the mean of its channel, without parameters.

    F' = sigma(1/E) (x) F, 1/E = (t - m)^2 / (4 (v + lambda)) + 1/2

    F is `x`, t one of its values, m and v are the mean and variance of its channel in its image (v with the
    divisor H W - 1), and sigma(1/E) is `attention_map` (N, C, H, W). For a 1x1 map t = m, v is 0/0, and the
    result is sigma(1/2), the value for any v.

    Args:
        channels: C; not used, accepted because every gate takes it.
        e_lambda: lambda, above 0.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Yang et al. 2021, "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural
    Networks", equations 5 and 6.
    """

    def __init__(self, channels: int, *, e_lambda: float = 1e-4) -> None:
        super().__init__()
        require_positive_int("channels", channels)
        self.e_lambda = require_positive("e_lambda", e_lambda)

    def logits(self, x: Tensor) -> Tensor:
        """Return 1/E, (N, C, H, W)."""
        if x.dtype == torch.float16:  # sums of squares soon exceed its largest value, 65,504
            x = x.float()
        squares = (x - x.mean((2, 3), keepdim=True)).square()
        degrees = max(1, x.shape[2] * x.shape[3] - 1)
        variance = squares.sum((2, 3), keepdim=True) / degrees
        return squares / (4 * (variance + self.e_lambda)) + 0.5

    def extra_repr(self) -> str:
        """Return lambda, for printing."""
        return f"e_lambda={self.e_lambda}"
