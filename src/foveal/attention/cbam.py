"""CBAM: channel and spatial attention in series."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.channel import ChannelAttention
from foveal.attention.fused_cbam import can_fuse, run_fused_cbam
from foveal.attention.registry import register, register_preset
from foveal.attention.spatial import SpatialAttention
from foveal.validation import require_one_of

_ORDERS = ("channel-first", "spatial-first")


@register(
    "cbam",
    where="residual",
    positive_factor=True,
    aliases=("series", "cbam-paper"),
    deviations=(
        ("biases of the MLP", "yes, as in the authors' code", "not specified"),
        ("width of the MLP", "floor(C/r), at least 1", "C/r"),
        ("after the 7x7 convolution", "batch norm, as in the authors' code", "not specified"),
        ("bias of the 7x7 convolution", "no, as in the authors' code", "not specified"),
    ),
)
class CBAM(nn.Module):
    """CBAM: weights each channel of a feature map, then each position (or in the reverse order).

    F' = Mc(F) (x) F, F'' = Ms(F') (x) F'

    F is `x`, Mc is the map of the child `channel`, Ms the map of the child `spatial`. The second gate reads
    the output of the first. `cbam` follows the paper, and the authors' code for details that the paper omits.

    Args:
        channels: C.
        order: `channel-first` or `spatial-first`.
        reduction, rounding, pools, bias: see `ChannelAttention`.
        kernel_size, dilation, planes, norm, norm_momentum, norm_scale: see `SpatialAttention`.
        gate: the gate function sigma of both maps.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", equation 1.
    """

    def __init__(
        self,
        channels: int,
        *,
        order: str = "channel-first",
        reduction: int = 16,
        rounding: str = "floor",
        pools: str = "avg+max",
        bias: bool = True,
        kernel_size: int = 7,
        dilation: int = 1,
        planes: str = "avg+max",
        norm: bool = True,
        norm_momentum: float = 0.1,
        norm_scale: float = 1.0,
        gate: str = "sigmoid",
    ) -> None:
        super().__init__()
        self.order = require_one_of("order", order, _ORDERS)
        self.channel = ChannelAttention(
            channels, reduction=reduction, rounding=rounding, pools=pools, bias=bias, gate=gate
        )
        self.spatial = SpatialAttention(
            channels,
            kernel_size=kernel_size,
            dilation=dilation,
            planes=planes,
            norm=norm,
            norm_momentum=norm_momentum,
            norm_scale=norm_scale,
            gate=gate,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return F''."""
        if self.order == "channel-first" and can_fuse(self.channel, self.spatial, x):
            return run_fused_cbam(self.channel, self.spatial, x)
        first, second = self.channel, self.spatial
        if self.order == "spatial-first":
            first, second = second, first  # type: ignore[assignment]
        out: Tensor = second(first(x))
        return out

    def extra_repr(self) -> str:
        """Return the order, for printing."""
        return f"order={self.order!r}"


register_preset(
    "cbam-official",
    base="cbam",
    planes="max+avg",
    norm_momentum=0.01,
    norm_scale=0.0,
    deviations=(
        ("planes", "[max; avg]", "[avg; max]"),
        ("momentum of the batch norm", "0.01", "0.1"),
        ("initial scale of the batch norm", "0: the spatial map is 0.5 everywhere", "1"),
    ),
)

register_preset(
    "cbam-timm",
    base="cbam",
    bias=False,
    rounding="nearest",
    pools="avg+amax",
    planes="avg+amax",
    deviations=(
        ("biases of the MLP", "no", "yes"),
        ("width of the MLP", "C/r rounded (halves up), at least 1", "floor(C/r), at least 1"),
        ("gradient of equal maxima", "shared among them", "all to one of them"),
    ),
)
