"""SE: squeeze and excitation."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.gate import compute_bottleneck_width
from foveal.attention.mlp import sum_mlp_over_pools
from foveal.attention.pooled_gate import PooledGate
from foveal.attention.registry import register


@register(
    "se",
    where="residual",
    positive_factor=True,
    deviations=(("width of the bottleneck", "floor(C/r), at least 1", "C/r"),),
)
class SqueezeExcitation(PooledGate):
    """SE: weights each channel by a small network of its average.

    s = sigma(W2 relu(W1 z)), z = AvgPool(F), F' = s (x) F

    F is `x`, s is `attention_map` (N, C, 1, 1), W1 is `reduce` (C -> C/r), W2 is `expand` (C/r -> C). For
    ResNets the authors omit the biases ("facilitates the modelling of channel dependencies"); timm and
    torchvision have them.

    Args:
        channels: C.
        reduction: r; the width C/r is at least 1.
        bias: whether W1 and W2 have biases.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Hu et al. 2018, "Squeeze-and-Excitation Networks", equations 2 to 4.
    """

    pooled_axis = "positions"

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = False) -> None:
        super().__init__()
        width = compute_bottleneck_width(channels, reduction)
        self.reduce = nn.Linear(channels, width, bias=bias)
        self.expand = nn.Linear(width, channels, bias=bias)

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return s before sigma, (N, C, 1, 1)."""
        return sum_mlp_over_pools(self.reduce, self.expand, pooled)[:, :, None, None]
