"""Coordinate attention: weights for the rows and columns of each channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.attention.gate import Gate, compute_bottleneck_width
from foveal.attention.registry import register


@register(
    "coordinate",
    where="residual",
    positive_factor=True,
    deviations=(
        ("after F1", "batch norm and h-swish, as in the authors' code", "a non-linear function"),
        ("width of the bottleneck", "floor(C/r), at least 8, as in the authors' code", "C/r"),
        ("bias of F1", "no: the batch norm after it would cancel it", "not specified"),
        ("biases of Fh and Fw", "yes, as in the authors' code", "not specified"),
    ),
)
class CoordinateAttention(Gate):
    """Coordinate attention: weights each value by a small network of its row and of its column.

    F' = gh (x) gw (x) F, gh = sigma(Fh(fh)), gw = sigma(Fw(fw)), [fh; fw] = delta(F1([zh; zw]))

    F is `x`; zh (N, C, H, 1) averages the rows, zw (N, C, 1, W) the columns; F1 is `reduce` (C -> C/r)
    with `norm`, delta is h-swish, Fh and Fw are `rows` and `columns` (C/r -> C), all 1x1 convolutions.
    `attention_map` is gh (x) gw, (N, C, H, W). The batch norm receives H + W values per channel and image,
    so a batch of one and a 1x1 map have a variance.

    Args:
        channels: C.
        reduction: r; the width C/r is at least 8.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Hou et al. 2021, "Coordinate Attention for Efficient Mobile Network Design", equations 4 to 9.
    """

    def __init__(self, channels: int, *, reduction: int = 32) -> None:
        super().__init__()
        width = compute_bottleneck_width(channels, reduction, minimum=8)
        self.reduce = nn.Conv2d(channels, width, 1, bias=False)
        self.norm = SingleValueBatchNorm2d(width)
        self.rows = nn.Conv2d(width, channels, 1)
        self.columns = nn.Conv2d(width, channels, 1)

    def attention_map(self, x: Tensor) -> Tensor:
        """Return gh (x) gw, (N, C, H, W)."""
        pooled = torch.cat([x.mean(3), x.mean(2)], 2)[..., None]  # (N, C, H + W, 1)
        hidden = functional.hardswish(self.norm(self.reduce(pooled)))
        height = x.shape[2]
        row_map: Tensor = self.rows(hidden[:, :, :height]).sigmoid()  # (N, C, H, 1)
        column_map: Tensor = (
            self.columns(hidden[:, :, height:]).sigmoid().transpose(2, 3)
        )  # (N, C, 1, W)
        return row_map * column_map
