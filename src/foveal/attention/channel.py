"""Channel attention: which channels matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foveal.attention.gate import Gate, reduced_width
from foveal.attention.pooling import POOLS, pool_names
from foveal.attention.registry import register


@register("channel", where="residual")
class ChannelAttention(Gate):
    """Weigh each channel by what a small network says of its pooled values.

    Mc(F) = sigma(MLP(AvgPool(F)) + MLP(MaxPool(F))), F' = Mc(F) (x) F

    F is `x` (N, C, H, W), Mc is `attention_map` (N, C, 1, 1), and MLP is `expand(relu(reduce(.)))`,
    C -> C/r -> C, one for all pools. The paper does not speak of biases; the authors' code has them,
    and so does this. C/r is never below 1.

    Args:
        channels: C.
        reduction: r.
        pools: any of avg, max, lp (p = 2) and lse, joined by a plus sign, summed behind the MLP.
        bias: whether the MLP has biases.
        gate: the function sigma, `sigmoid` or `hardsigmoid`.

    Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", equation 2.
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        pools: str = "avg+max",
        bias: bool = True,
        gate: str = "sigmoid",
    ) -> None:
        super().__init__(gate=gate)
        width = reduced_width(channels, reduction)
        self.pools = pool_names("pools", pools)
        self.reduce = nn.Linear(channels, width, bias=bias)
        self.expand = nn.Linear(width, channels, bias=bias)

    def logits(self, x: Tensor) -> Tensor:
        """Return Mc(F) before sigma, (N, C, 1, 1)."""
        flat = x.flatten(2)  # (N, C, H W)
        pooled = torch.cat([POOLS[name](flat, 2) for name in self.pools], 2)  # (N, C, P)
        each: Tensor = self.expand(self.reduce(pooled.mT).relu())  # (N, P, C)
        return each.sum(1)[:, :, None, None]

    def extra_repr(self) -> str:
        """Name the pools."""
        return f"pools={'+'.join(self.pools)!r}"
