"""Max pooling of 2x2 windows that saves one byte per window for its gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foveal.kernels.autograd import run_autograd_function
from foveal.kernels.bindings import call_kernel
from foveal.kernels.dispatch import supports_map
from foveal.kernels.plain_backward import with_plain_backward


def supports_max_pool(x: Tensor) -> bool:
    """Return True if `apply_max_pool` supports a map: channels_last, with at least one 2x2 window."""
    return (
        supports_map(x, part="pool")
        and min(x.shape[2:]) >= 2
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def apply_max_pool(x: Tensor) -> Tensor:
    """Return the maximum of each 2x2 window: (N, C, H // 2, W // 2), channels_last."""
    out: Tensor = run_autograd_function(MaxPool2x2Function, x)
    return out


def _plain_backward(ctx: Any, g: Tensor) -> Tensor:
    """Compute `MaxPool2x2Function.backward` by plain operations."""
    (argmax,), (n, c, h, w) = ctx.saved_tensors, ctx.size
    index = argmax.view(n, h // 2, w // 2, c).permute(0, 3, 1, 2)
    windows = [torch.where(index == k, g, 0) for k in range(4)]
    rows = [torch.stack(pair, 4).reshape(n, c, h // 2, -1) for pair in (windows[:2], windows[2:])]
    x_grad = torch.stack(rows, 3).reshape(n, c, h // 2 * 2, -1)
    return functional.pad(x_grad, (0, w % 2, 0, h % 2))


class MaxPool2x2Function(torch.autograd.Function):
    """The maximum of each 2x2 window of a channels_last map (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return (N, C, H // 2, W // 2), channels_last."""
        n, c, h, w = ctx.size = x.shape
        size = (n, c, h // 2, w // 2)
        y = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
        argmax = torch.empty(y.numel(), dtype=torch.uint8)
        call_kernel("max_pool_forward", x.dtype, n, h, w, c, x, y, argmax)
        ctx.save_for_backward(argmax)
        return y

    @staticmethod
    @with_plain_backward(_plain_backward)
    def backward(ctx: Any, g: Tensor) -> Tensor:
        """Return the gradient of the map, channels_last."""
        (argmax,), (n, c, h, w) = ctx.saved_tensors, ctx.size
        g = g.contiguous(memory_format=torch.channels_last)
        x_grad = torch.empty(ctx.size, dtype=g.dtype, memory_format=torch.channels_last)
        call_kernel("max_pool_backward", g.dtype, n, h, w, c, g, argmax, x_grad)
        return x_grad
