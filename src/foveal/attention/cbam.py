"""CBAM: channel and spatial attention in series."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.channel import ChannelAttention
from foveal.attention.gate import one_of
from foveal.attention.registry import preset, register
from foveal.attention.spatial import SpatialAttention

ORDERS = ("channel-first", "spatial-first")


@register("cbam-paper", where="residual")
class CBAM(nn.Module):
    """Weigh a feature map by channel, then by position (or the other way round).

    F' = Mc(F) (x) F, F'' = Ms(F') (x) F'

    Mc is the map of `channel` and Ms that of `spatial`; the second sees what the first left. This is
    the paper where it speaks, and the authors' code where the paper is silent (biases, batch norm
    behind the 7x7 convolution). It differs from that code in the order of the planes, [avg; max] here
    and [max; avg] there, and in the batch norm's start, scale 1 here and 0 there: see `cbam-official`.

    Args:
        channels: C.
        order: `channel-first`, or `spatial-first`.
        reduction, pools, bias: see `ChannelAttention`.
        kernel_size, planes, norm, norm_momentum, norm_scale: see `SpatialAttention`.
        gate: the function sigma of both.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", equation 1.
    """

    def __init__(
        self,
        channels: int,
        *,
        order: str = "channel-first",
        reduction: int = 16,
        pools: str = "avg+max",
        bias: bool = True,
        kernel_size: int = 7,
        planes: str = "avg+max",
        norm: bool = True,
        norm_momentum: float = 0.1,
        norm_scale: float = 1.0,
        gate: str = "sigmoid",
    ) -> None:
        super().__init__()
        self.order = one_of("order", order, ORDERS)
        self.channel = ChannelAttention(
            channels, reduction=reduction, pools=pools, bias=bias, gate=gate
        )
        self.spatial = SpatialAttention(
            channels,
            kernel_size=kernel_size,
            planes=planes,
            norm=norm,
            norm_momentum=norm_momentum,
            norm_scale=norm_scale,
            gate=gate,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return F''."""
        first, second = self.channel, self.spatial
        if self.order == "spatial-first":
            first, second = second, first  # type: ignore[assignment]
        out: Tensor = second(first(x))
        return out

    def extra_repr(self) -> str:
        """Name the order."""
        return f"order={self.order!r}"


preset("series", of="cbam-paper")
