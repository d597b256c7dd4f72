"""BAM: channel and spatial attention in parallel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from foveal.attention.bam_branches import ChannelBranch, SpatialBranch
from foveal.attention.channel import ChannelAttention
from foveal.attention.gate import Gate
from foveal.attention.registry import register, register_preset
from foveal.attention.spatial import SpatialAttention
from foveal.errors import bad_parameter
from foveal.kernels import apply_bam, supports_bam
from foveal.validation import require_one_of

_COMBINATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "product": torch.mul,
    "max": torch.maximum,
}
_NATIVE_COMBINATIONS = {"sum", "product"}


@register(
    "bam",
    where="stage",
    positive_factor=True,
    aliases=("parallel", "bam-paper"),
    deviations=(
        ("between the layers of a branch", "ReLU, as in the authors' code", "not specified"),
        ("biases of the convolutions", "yes, as in the authors' code", "not specified"),
        ("width of a branch", "floor(C/r), at least 1", "C/r"),
        ("batch of one in training", "channel branch uses running statistics", "not specified"),
    ),
)
class BAM(Gate):
    """BAM: weights each value by its channel and its position together, and adds the result to the input.

    M(F) = sigma(Mc(F) + Ms(F)), F' = F + F (x) M(F)

    F is `x`, M is `attention_map` (N, C, H, W). The children `channel` and `spatial` compute Mc and Ms,
    both before sigma. This is the paper's module; the authors' code is `bam-official`.

    Args:
        channels: C.
        reduction: r of both branches; the width C/r is at least 1.
        branches: `bam`, or `cbam` for the channel and spatial attention of CBAM as branches.
        combine: combination of the branches, `sum`, `product` or `max`.
        norm: position of the batch norms in BAM's branches, `end` or `hidden` (hidden layers only).
        pools: pools of the channel branch, see `ChannelAttention`; by default avg (CBAM's: avg+max).
        bias: whether the MLP has biases.
        kernel_size: kernel size of the spatial branch; by default 3 (CBAM's: 7).
        dilation: d of these convolutions; by default 4 (CBAM's: 1).
        gate: the gate function sigma, `sigmoid` or `hardsigmoid`.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Park et al. 2018, "BAM: Bottleneck Attention Module", equations 1 to 4.
    """

    residual = True

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        branches: str = "bam",
        combine: str = "sum",
        norm: str = "end",
        pools: str | None = None,
        bias: bool = True,
        kernel_size: int | None = None,
        dilation: int | None = None,
        gate: str = "sigmoid",
    ) -> None:
        super().__init__(gate=gate)
        self.combine = require_one_of("combine", combine, _COMBINATIONS)
        require_one_of("norm", norm, ("end", "hidden"))
        channel_options = _drop_none(pools=pools) | {"reduction": reduction, "bias": bias}
        spatial_options = _drop_none(kernel_size=kernel_size, dilation=dilation)
        self.channel: ChannelBranch | ChannelAttention
        self.spatial: SpatialBranch | SpatialAttention
        if require_one_of("branches", branches, ("bam", "cbam")) == "bam":
            self.channel = ChannelBranch(channels, norm=norm, **channel_options)
            self.spatial = SpatialBranch(
                channels, norm=norm, reduction=reduction, **spatial_options
            )
        elif norm == "hidden":
            raise bad_parameter("norm", "'end' with the branches of CBAM", norm)
        else:
            self.channel = ChannelAttention(channels, **channel_options)
            self.spatial = SpatialAttention(channels, **spatial_options)

    def logits(self, x: Tensor) -> Tensor:
        """Return Mc(F) + Ms(F), or the combination named by `combine`, (N, C, H, W)."""
        return _COMBINATIONS[self.combine](self.channel.logits(x), self.spatial.logits(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return F'."""
        channel, spatial = self.channel, self.spatial
        if not isinstance(spatial, SpatialBranch) or not self.supports_kernels(x, spatial):
            return super().forward(x)
        return apply_bam(
            self, x, channel.pools, channel.logits_from_pools, spatial.reduce,
            spatial.logits_from_reduced, product=self.combine == "product", map_probe=self.map_probe,
        )  # fmt: skip

    def supports_kernels(self, x: Tensor, spatial: SpatialBranch) -> bool:
        """Return True if native kernels support `x`; they do not call the convolution `spatial.reduce`."""
        return (
            self.gate == "sigmoid"
            and self.combine in _NATIVE_COMBINATIONS
            and supports_bam(x, self.channel.pools, spatial.reduce)
        )

    def extra_repr(self) -> str:
        """Return the combination, for printing."""
        return f"combine={self.combine!r}"


def _drop_none(**options: Any) -> dict[str, Any]:
    """Return the options that are not None; the branch has its own defaults for the others."""
    return {name: value for name, value in options.items() if value is not None}


register_preset(
    "bam-official",
    base="bam",
    combine="product",
    norm="hidden",
    deviations=(
        ("combination of the branches", "product", "sum"),
        ("batch norms", "on the hidden layers only", "at the end of each branch only"),
    ),
)
