"""Channel attention: which channels matter."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.gate import reduced_width
from foveal.attention.mlp import sum_mlp_over_pools
from foveal.attention.pooled_gate import PooledGate
from foveal.attention.pooling import parse_pool_names
from foveal.attention.registry import register


@register(
    "channel",
    where="residual",
    deviations=(
        ("biases of the MLP", "yes, as in the authors' code", "not said"),
        ("width of the MLP", "floor(C/r), at least 1", "C/r"),
    ),
)
class ChannelAttention(PooledGate):
    """Weigh each channel by what a small network says of its pooled values.

    Mc(F) = sigma(MLP(AvgPool(F)) + MLP(MaxPool(F))), F' = Mc(F) (x) F

    F is `x`, Mc is `attention_map` (N, C, 1, 1), and MLP is `expand(relu(reduce(.)))`, C -> C/r -> C,
    one for all pools.

    Args:
        channels: C.
        reduction: r; the width C/r is never below 1.
        rounding: `floor`, or `nearest` (halves go up): how C/r becomes a whole number.
        pools: any of avg, max, amax (max whose gradient is shared among equals), lp (p = 2) and lse,
            joined by a plus sign, summed behind the MLP.
        bias: whether the MLP has biases.
        gate: the function sigma, `sigmoid` or `hardsigmoid`.

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
        width = reduced_width(channels, reduction, rounding=rounding)
        self.pools = parse_pool_names("pools", pools)
        self.reduce = nn.Linear(channels, width, bias=bias)
        self.expand = nn.Linear(width, channels, bias=bias)

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return Mc(F) before sigma, (N, C, 1, 1)."""
        return sum_mlp_over_pools(self.reduce, self.expand, pooled)[:, :, None, None]

    def extra_repr(self) -> str:
        """Name the pools."""
        return f"pools={'+'.join(self.pools)!r}"
