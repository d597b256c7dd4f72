"""ECA: efficient channel attention."""

from __future__ import annotations

import math

from torch import Tensor, nn

from foveal.attention.pooled_gate import PooledGate
from foveal.attention.registry import register
from foveal.validation import require_odd, require_positive_int


@register("eca", where="residual", positive_factor=True)
class EfficientChannelAttention(PooledGate):
    """ECA: weights each channel by its average and the averages of its neighbor channels.

    w = sigma(C1D_k(z)), z = AvgPool(F), F' = w (x) F, with k = |log2(C) / gamma + b / gamma|_odd

    F is `x`, w is `attention_map` (N, C, 1, 1), C1D_k is `conv`, a convolution along the channels with zero
    padding and without bias; gamma = 2, b = 1, and |t|_odd is the nearest odd number, the upper one if two
    are equally near. timm uses k >= 3, so it differs for C < 8.

    Args:
        channels: C.
        kernel_size: k, odd; by default computed from C.

    Shape: (N, C, H, W) to (N, C, H, W).

    Source: Wang et al. 2020, "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural
    Networks", equations 9 and 12.
    """

    pooled_axis = "positions"

    def __init__(self, channels: int, *, kernel_size: int | None = None) -> None:
        super().__init__()
        require_positive_int("channels", channels)
        k = (
            _compute_kernel_size(channels)
            if kernel_size is None
            else require_odd("kernel_size", kernel_size)
        )
        self.conv = nn.Conv1d(1, 1, k, padding=k // 2, bias=False)

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return w before sigma, (N, C, 1, 1)."""
        out: Tensor = self.conv(pooled)  # (N, 1, C)
        return out[:, 0, :, None, None]


def _compute_kernel_size(channels: int, *, gamma: int = 2, b: int = 1) -> int:
    """Return the kernel size k for C channels.

    >>> [_compute_kernel_size(channels) for channels in (64, 256, 512, 1024, 2048)]
    [3, 5, 5, 5, 7]
    """
    t = int((math.log2(channels) + b) / gamma)
    return t if t % 2 else t + 1
