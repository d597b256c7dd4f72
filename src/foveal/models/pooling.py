"""Max pooling as the ConvNet has it behind each block, where a gate has just written the map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foveal.kernels.dispatch import takes_fast_path
from foveal.kernels.max_pool import GreatestOfWindows


class MaxPool2x2(nn.MaxPool2d):
    """Max pooling of 2 x 2 windows.

    Where it can be, it is computed by native kernels (see `native_kernels`), to the same values and gradients
    bit for bit. They keep one byte a window for the backward pass, not the map and a place of eight bytes: so
    what a gate writes in front of it is kept by nobody.

    Shape: (N, C, H, W) to (N, C, H // 2, W // 2).
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name torch gives it
        """Return the greatest of each window."""
        if takes_fast_path(input) and lies_in_windows(input):
            out: Tensor = GreatestOfWindows.apply(input)  # type: ignore[no-untyped-call]
        else:
            out = super().forward(input)
        return out


def lies_in_windows(x: Tensor) -> bool:
    """Say whether a map lies channels last and has a window."""
    return min(x.shape[2:]) >= 2 and x.is_contiguous(memory_format=torch.channels_last)
