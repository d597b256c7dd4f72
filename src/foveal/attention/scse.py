"""scSE: concurrent spatial and channel squeeze and excitation."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.attention.registry import register
from foveal.attention.se import SqueezeExcitation


@register(
    "scse",
    where="residual",
    positive_factor=True,
    deviations=(
        ("biases", "yes, as in the authors' code", "not in the formulas"),
        ("width of the bottleneck", "floor(C/r), at least 1", "C/r"),
    ),
)
class ConcurrentSqueezeExcitation(Gate):
    """scSE: weights a feature map by channel and by position, and adds both results.

    F' = Mc (x) F + Ms (x) F, Mc = sigma(W1 relu(W2 AvgPool(F))), Ms = sigma(q * F)

    F is `x`; W2 and W1 are `channel`, an SE with r = 2, and q is `spatial`, a 1x1 convolution to one
    plane. `attention_map` is Mc + Ms, (N, C, H, W), between 0 and 2. The combination is the paper's sum. The
    authors' code takes the larger of the two products instead, which for negative F is not a product of F
    and a single map.

    Args:
        channels: C.
        reduction: r; the width C/r is at least 1.
        bias: whether W1, W2 and q have biases.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Roy et al. 2018, "Concurrent Spatial and Channel Squeeze & Excitation in Fully Convolutional
    Networks", section 2.
    """

    value_range = (0.0, 2.0)

    def __init__(self, channels: int, *, reduction: int = 2, bias: bool = True) -> None:
        super().__init__()
        self.channel = SqueezeExcitation(channels, reduction=reduction, bias=bias)
        self.spatial = nn.Conv2d(channels, 1, 1, bias=bias)

    def attention_map(self, x: Tensor) -> Tensor:
        """Return Mc + Ms, (N, C, H, W)."""
        spatial_map: Tensor = self.spatial(x).sigmoid()  # (N, 1, H, W)
        return self.channel.attention_map(x) + spatial_map
