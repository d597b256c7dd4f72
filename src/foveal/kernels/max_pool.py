"""Max pooling of 2 x 2 windows that keeps one byte a window for its gradient."""

from __future__ import annotations

from ctypes import c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveal.kernels.bindings import call


class GreatestOfWindows(torch.autograd.Function):
    """The greatest of each 2 x 2 window of a map (N, C, H, W) that lies channels last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return (N, C, H // 2, W // 2), channels last."""
        n, c, h, w = ctx.size = x.shape
        size = (n, c, h // 2, w // 2)
        y = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
        which = torch.empty(y.numel(), dtype=torch.uint8)
        call("greatest_of_windows", x.dtype, *map(c_int64, (n, h, w, c)), x, y, which)
        ctx.save_for_backward(which)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        """Return the gradient of the map, channels last."""
        (which,), (n, c, h, w) = ctx.saved_tensors, ctx.size
        g = g.contiguous(memory_format=torch.channels_last)
        y = torch.empty(ctx.size, dtype=g.dtype, memory_format=torch.channels_last)
        call("spread_to_windows", g.dtype, *map(c_int64, (n, h, w, c)), g, which, y)
        return y
