"""Channel attention of CBAM."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.gate import compute_bottleneck_width
from foveal.attention.mlp import sum_mlp_over_pools
from foveal.attention.pooled_gate import PooledGate
from foveal.attention.pooling import parse_pool_names
from foveal.attention.registry import register


@register(
    "channel",
    where="residual",
    positive_factor=True,
    deviations=(
        ("biases of the MLP", "yes, as in the authors' code", "not specified"),
        ("width of the MLP", "floor(C/r), at least 1", "C/r"),
    ),
)
class ChannelAttention(PooledGate):
    """Channel attention: weights each channel by a small MLP of its pooled values.

    Mc(F) = sigma(MLP(AvgPool(F)) + MLP(MaxPool(F))), F' = Mc(F) (x) F

    F is `x`, Mc is `attention_map` (N, C, 1, 1), and MLP is `expand(relu(reduce(.)))`, C -> C/r -> C,
    shared by all pools.

    Args:
        channels: C.
        reduction: r; the width C/r is at least 1.
        rounding: rounding of C/r, `floor` or `nearest` (halves go up).
        pools: any of avg, max, amax (equal maxima share the gradient), lp (p = 2) and lse, joined by a
            plus sign and summed after the MLP.
        bias: whether the MLP has biases.
        gate: the gate function sigma, `sigmoid` or `hardsigmoid`.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", equation 2.
    """

    pooled_axis = "positions"

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        rounding: str = "floor",
        pools: str = "avg+max",
        bias: bool = True,
        gate: str = "sigmoid",
    ) -> None:
        super().__init__(gate=gate)
        width = compute_bottleneck_width(channels, reduction, rounding=rounding)
        self.pools = parse_pool_names("pools", pools)
        self.reduce = nn.Linear(channels, width, bias=bias)
        self.expand = nn.Linear(width, channels, bias=bias)

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return Mc(F) before sigma, (N, C, 1, 1)."""
        return sum_mlp_over_pools(self.reduce, self.expand, pooled)[:, :, None, None]

    def extra_repr(self) -> str:
        """Return the pools, for printing."""
        return f"pools={'+'.join(self.pools)!r}"
