"""BAM: channel and spatial attention in parallel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.attention.channel import ChannelAttention
from foveal.attention.gate import Gate, at_least_one, one_of, reduced_width
from foveal.attention.registry import preset, register
from foveal.attention.spatial import SpatialAttention


class ChannelNorm(nn.BatchNorm1d):
    """Batch norm of (N, C) that falls back on its running statistics for a batch of one.

    One value has no variance, and torch raises in training mode; the last batch of an epoch may be
    that small.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name torch gives it
        """Return the normalised batch, (N, C)."""
        if not self.training or input.shape[0] > 1:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class ChannelBranch(nn.Module):
    """BAM's channel branch: average pool, C -> C/r -> C, batch norm (equation 3). (N, C, 1, 1)."""

    def __init__(self, channels: int, *, reduction: int) -> None:
        super().__init__()
        width = reduced_width(channels, reduction)
        self.reduce = nn.Linear(channels, width)
        self.expand = nn.Linear(width, channels)
        self.norm = ChannelNorm(channels)

    def logits(self, x: Tensor) -> Tensor:
        """Return Mc(F) before sigma."""
        out: Tensor = self.norm(self.expand(self.reduce(x.mean((2, 3))).relu()))
        return out[:, :, None, None]


class SpatialBranch(nn.Module):
    """BAM's spatial branch: 1x1, two dilated 3x3, 1x1 to one plane, batch norm (equation 4). (N, 1, H, W)."""

    def __init__(self, channels: int, *, reduction: int, dilation: int) -> None:
        super().__init__()
        width = reduced_width(channels, reduction)
        self.reduce = nn.Conv2d(channels, width, 1)
        self.context = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation) for _ in range(2)
        )
        self.project = nn.Conv2d(width, 1, 1)
        self.norm = nn.BatchNorm2d(1)

    def logits(self, x: Tensor) -> Tensor:
        """Return Ms(F) before sigma."""
        x = self.reduce(x).relu()
        for conv in self.context:
            x = conv(x).relu()
        out: Tensor = self.norm(self.project(x))
        return out


@register("bam-paper", where="stage")
class BAM(Gate):
    """Weigh a feature map by channel and position at once, and add it to itself.

    M(F) = sigma(Mc(F) + Ms(F)), F' = F + F (x) M(F)

    Both branches are taken before their sigma and spread to (N, C, H, W). Mc is `channel`, average
    pool and MLP; Ms is `spatial`, convolutions with dilation. ReLU stands between the layers and a
    batch norm at the end of each branch, as the paper says. The authors' code multiplies the branches
    and has its batch norms between the layers.

    Args:
        channels: C.
        reduction: r of both branches.
        dilation: d of the two 3x3 convolutions.
        branches: `bam`, or `cbam` for the two halves of CBAM (`channel` and `spatial`) in their place.
        gate: the function sigma.

    Source: Park et al. 2018, "BAM: Bottleneck Attention Module", equations 1 to 4.
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        dilation: int = 4,
        branches: str = "bam",
        gate: str = "sigmoid",
    ) -> None:
        super().__init__(gate=gate)
        at_least_one("dilation", dilation)
        self.channel: ChannelBranch | ChannelAttention
        self.spatial: SpatialBranch | SpatialAttention
        if one_of("branches", branches, ("bam", "cbam")) == "bam":
            self.channel = ChannelBranch(channels, reduction=reduction)
            self.spatial = SpatialBranch(channels, reduction=reduction, dilation=dilation)
        else:
            self.channel = ChannelAttention(channels, reduction=reduction)
            self.spatial = SpatialAttention(channels)

    def logits(self, x: Tensor) -> Tensor:
        """Return Mc(F) + Ms(F), (N, C, H, W)."""
        return self.channel.logits(x) + self.spatial.logits(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return F + F (x) M(F)."""
        return torch.addcmul(x, x, self.attention_map(x))


preset("parallel", of="bam-paper")
