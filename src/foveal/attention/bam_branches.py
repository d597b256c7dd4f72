"""Channel and spatial branch of BAM; both return logits, before sigma."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.batch_norm import SingleValueBatchNorm1d, SingleValueBatchNorm2d
from foveal.attention.gate import compute_bottleneck_width
from foveal.attention.mlp import sum_mlp_over_pools
from foveal.attention.pooling import parse_pool_names, pool_over_positions
from foveal.attention.small_conv import SmallConv2d
from foveal.validation import require_odd, require_positive_int


class ChannelBranch(nn.Module):
    """Channel branch of BAM: pool, then an MLP C -> C/r -> C.

    Mc(F) = BN(MLP(AvgPool(F))); with `norm="hidden"` BN comes before the ReLU of the MLP instead

    MLP is `expand(relu(reduce(.)))`, BN is `norm`.

    Shape: (N, C, H, W) to (N, C, 1, 1).

    Source: Park et al. 2018, "BAM: Bottleneck Attention Module", equation 3.
    """

    def __init__(
        self, channels: int, *, reduction: int, norm: str, pools: str = "avg", bias: bool = True
    ) -> None:
        super().__init__()
        width = compute_bottleneck_width(channels, reduction)
        self.normalizes_hidden = norm == "hidden"
        self.pools = parse_pool_names("pools", pools)
        self.reduce = nn.Linear(channels, width, bias=bias)
        self.expand = nn.Linear(width, channels, bias=bias)
        self.norm = SingleValueBatchNorm1d(width if self.normalizes_hidden else channels)

    def logits(self, x: Tensor) -> Tensor:
        """Return Mc(F) before sigma."""
        return self.logits_from_pools(pool_over_positions(x, self.pools))

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return Mc(F) before sigma for pooled values (N, pools, C)."""
        if self.normalizes_hidden:
            outputs = [
                self.expand(self.norm(self.reduce(pool)).relu()) for pool in pooled.unbind(1)
            ]
            out: Tensor = sum(outputs[1:], outputs[0])
        else:
            out = self.norm(sum_mlp_over_pools(self.reduce, self.expand, pooled))
        return out[:, :, None, None]


class SpatialBranch(nn.Module):
    """Spatial branch of BAM: a 1x1 convolution, two dilated 3x3 convolutions, a 1x1 convolution to one plane.

    Ms(F) = BN(f3(f2(f1(f0(F))))); with `norm="hidden"` a BN follows each of f0, f1, f2 instead

    f0 is `reduce`, f1 and f2 are `context`, f3 is `project`; a ReLU follows each except f3. BN is `norm`,
    and the batch norms after f0, f1, f2 are `norms`.

    Shape: (N, C, H, W) to (N, 1, H, W).

    Source: Park et al. 2018, "BAM: Bottleneck Attention Module", equation 4.
    """

    def __init__(
        self, channels: int, *, reduction: int, norm: str, kernel_size: int = 3, dilation: int = 4
    ) -> None:
        super().__init__()
        width = compute_bottleneck_width(channels, reduction)
        require_odd("kernel_size", kernel_size)
        require_positive_int("dilation", dilation)
        self.reduce = nn.Conv2d(channels, width, 1)
        self.context = nn.ModuleList(
            SmallConv2d(width, width, kernel_size, dilation=dilation) for _ in range(2)
        )
        self.norms = nn.ModuleList(
            SingleValueBatchNorm2d(width) if norm == "hidden" else nn.Identity() for _ in range(3)
        )
        self.project = SmallConv2d(width, 1, 1)
        self.norm = SingleValueBatchNorm2d(1) if norm == "end" else nn.Identity()

    def logits(self, x: Tensor) -> Tensor:
        """Return Ms(F) before sigma."""
        return self.logits_from_reduced(self.reduce(x))

    def logits_from_reduced(self, reduced: Tensor) -> Tensor:
        """Return Ms(F) before sigma for f0(F) before its norm, (N, C/r, H, W)."""
        first, *norms = self.norms
        x: Tensor = first(reduced).relu()
        for conv, norm in zip(self.context, norms, strict=True):
            x = norm(conv(x)).relu()
        out: Tensor = self.norm(self.project(x))
        return out
