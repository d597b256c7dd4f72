"""Spatial attention of CBAM."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.attention.pooled_gate import PooledGate
from foveal.attention.pooling import parse_pool_names
from foveal.attention.registry import register
from foveal.attention.small_conv import SmallConv2d
from foveal.validation import require_odd, require_positive_int


@register(
    "spatial",
    where="residual",
    positive_factor=True,
    deviations=(
        ("after the convolution", "batch norm, as in the authors' code", "not specified"),
        ("bias of the convolution", "no (yes with norm=false)", "not specified"),
    ),
)
class SpatialAttention(PooledGate):
    """Spatial attention: weights each position by one convolution of the values pooled over channels.

    Ms(F) = sigma(norm(conv([AvgPool(F); MaxPool(F)]))), F' = Ms(F) (x) F

    F is `x`, Ms is `attention_map` (N, 1, H, W), and the pools run over channels.

    Args:
        channels: C; not used, accepted because every gate takes it.
        kernel_size: kernel size of the convolution, odd.
        dilation: d of the convolution.
        planes: input planes of the convolution in order: any of the pools avg, max, amax, lp and lse,
            joined by a plus sign.
        norm: whether a batch norm follows the convolution.
        norm_momentum: momentum of that norm.
        norm_scale: its initial scale; the authors' code starts at 0, so that the map is constant.
        gate: the gate function sigma, `sigmoid` or `hardsigmoid`.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Woo et al. 2018, "CBAM: Convolutional Block Attention Module", equation 3.
    """

    pooled_axis = "channels"

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int = 7,
        dilation: int = 1,
        planes: str = "avg+max",
        norm: bool = True,
        norm_momentum: float = 0.1,
        norm_scale: float = 1.0,
        gate: str = "sigmoid",
    ) -> None:
        super().__init__(gate=gate)
        require_positive_int("channels", channels)
        require_odd("kernel_size", kernel_size)
        require_positive_int("dilation", dilation)
        self.pools = parse_pool_names("planes", planes)
        self.conv = SmallConv2d(len(self.pools), 1, kernel_size, dilation=dilation, bias=not norm)
        self.norm: nn.Module = nn.Identity()
        if norm:
            self.norm = SingleValueBatchNorm2d(1, momentum=norm_momentum)
            nn.init.constant_(self.norm.weight, norm_scale)

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return Ms(F) before sigma, (N, 1, H, W)."""
        out: Tensor = self.norm(self.conv(pooled))
        return out

    def extra_repr(self) -> str:
        """Return the planes, for printing."""
        return f"planes={'+'.join(self.pools)!r}"
