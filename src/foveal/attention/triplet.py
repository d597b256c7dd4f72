"""Triplet attention: spatial attention on three pairs of axes."""

from __future__ import annotations

from torch import Tensor

from foveal.attention.gate import Gate
from foveal.attention.registry import register
from foveal.attention.spatial import SpatialAttention


@register(
    "triplet",
    where="residual",
    positive_factor=True,
    deviations=(("momentum of the batch norms", "0.01, as in the authors' code", "not specified"),),
)
class TripletAttention(Gate):
    """Triplet attention: averages three spatial attentions, on the planes H x W, C x W and H x C.

    F' = (M1(F) (x) F + M2(F) (x) F + M3(F) (x) F) / 3, Mi = sigma(norm(conv([MaxPool; AvgPool])))

    F is `x`. M1 pools over H (the child `rows`), (N, C, 1, W); M2 over W (`columns`), (N, C, H, 1); M3
    over C (`plane`), (N, 1, H, W). `attention_map` is their mean, (N, C, H, W), which gives the same
    product.

    Args:
        channels: C; not used, accepted because every gate takes it.
        kernel_size: kernel size of the convolutions, odd.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Misra et al. 2021, "Rotate to Attend: Convolutional Triplet Attention Module", section 3.
    """

    def __init__(self, channels: int, *, kernel_size: int = 7) -> None:
        super().__init__()
        self.rows, self.columns, self.plane = (
            SpatialAttention(
                channels, kernel_size=kernel_size, planes="max+avg", norm_momentum=0.01
            )
            for _ in range(3)
        )

    def attention_map(self, x: Tensor) -> Tensor:
        """Return (M1 + M2 + M3) / 3, (N, C, H, W)."""
        row_map = self.rows.attention_map(x.transpose(1, 2)).transpose(1, 2)  # (N, C, 1, W)
        column_map = self.columns.attention_map(x.transpose(1, 3)).transpose(1, 3)
        return (row_map + column_map + self.plane.attention_map(x)) / 3
