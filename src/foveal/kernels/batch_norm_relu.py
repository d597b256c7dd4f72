"""Batch norm and the ReLU behind it, of maps that lie channels last, as few passes as it takes."""

from __future__ import annotations

from ctypes import c_double, c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import increment_version
from torch.nn.modules.batchnorm import _BatchNorm

from foveal.kernels.bindings import call, small_dtype
from foveal.kernels.dispatch import has_address

STRIPS = 64  # as in batch_norm_relu.h

Grad = Tensor | None


class NormReLU(torch.autograd.Function):
    """ReLU of a map (N, C, H, W) normed by the mean and variance of its batch.

    The map is read twice and written once, and the same backward, with the gradient read beside it. Where the
    ReLU was shut is computed again from the map, so that its output is not kept.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, added: Grad, weight: Tensor, bias: Tensor, running_mean: Tensor,
        running_variance: Tensor, momentum: float, eps: float,
    ) -> Tensor:  # fmt: skip
        """Return relu((x - mean) / sqrt(variance + eps) * weight + bias); the running ones (C,) follow.

        What is `added` to x, (C,), goes with the mean: it shows in the running one alone, and its gradient
        is zero.
        """
        y, mean, inverse = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        call(
            "norm_relu_forward", x.dtype, *rows_of(x), x, added, weight, bias, c_double(eps),
            c_double(momentum), running_mean, running_variance, room_for(weight), mean, inverse, y,
        )  # fmt: skip
        increment_version((running_mean, running_variance))
        ctx.save_for_backward(x, weight, bias, mean, inverse)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of map, what was added, weight and bias."""
        x, weight, bias, mean, inverse = ctx.saved_tensors
        g = g.to(x.dtype).contiguous(memory_format=torch.channels_last)
        y = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        of_weight, of_bias = torch.empty_like(mean), torch.empty_like(mean)
        call(
            "norm_relu_backward", x.dtype, *rows_of(x), g, x, weight, bias, mean, inverse,
            room_for(weight), of_weight, of_bias, y,
        )  # fmt: skip
        of_added = torch.zeros_like(mean) if ctx.needs_input_grad[1] else None
        return y, of_added, of_weight, of_bias, None, None, None, None


def norm_relu(x: Tensor, mean: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Return relu((x - mean) * scale + bias); all but x are (C,)."""
    y = torch.empty_like(x)
    call("norm_relu", x.dtype, *rows_of(x), x, mean, scale, bias, y)
    return y


def rows_of(x: Tensor) -> tuple[c_int64, c_int64]:
    """Return positions of all images, and channels."""
    return c_int64(x.numel() // x.shape[1]), c_int64(x.shape[1])


def room_for(values: Tensor) -> Tensor:
    """Return where strips put their sums, with a row to spare."""
    return values.new_empty((2 * STRIPS + 1, len(values)))


def passes_know(norm: _BatchNorm, x: Tensor, *others: Tensor | None) -> bool:
    """Say whether passes may norm a map (N, C, H, W) as this norm does; `others` have a value a channel too.

    The rest is torch's, and its errors.
    """
    values = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        x.shape[1] == norm.num_features
        and x.numel() > x.shape[1]  # one value has no variance
        and norm.momentum is not None
        and norm.track_running_stats
        and all(value is not None and fits(value, x) for value in values)
        and all(fits(other, x) for other in others if other is not None)
    )


def fits(value: Tensor, x: Tensor) -> bool:
    """Say whether a pass over a map may read a value a channel."""
    return value.dtype == small_dtype(x) and has_address(value, x)
