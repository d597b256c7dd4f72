"""The small network of channel attention, often of so few values that asking a library takes longer."""

from __future__ import annotations

from ctypes import c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveal.kernels.bindings import call

FEW = 4096  # weights of a layer; with more of them a library is faster

Grad = Tensor | None


class SummedMLP(torch.autograd.Function):
    """What a network of one hidden layer, C -> R -> C with a ReLU between, gives of each pool, summed."""

    @staticmethod
    def forward(
        ctx: Any, pooled: Tensor, reduce: Tensor, reduce_bias: Grad, expand: Tensor, expand_bias: Grad
    ) -> Tensor:  # fmt: skip
        """Return (N, C) of pools (P, N, C), weights (R, C) and (C, R), biases (R,) and (C,)."""
        y, *hidden = summed_mlp(pooled, reduce, reduce_bias, expand, expand_bias)
        ctx.save_for_backward(pooled, reduce, expand, *hidden)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of pools, weights and biases."""
        found = summed_mlp_backward(g.contiguous(), *ctx.saved_tensors)
        wanted = zip(found, ctx.needs_input_grad, strict=True)
        return tuple(value if needed else None for value, needed in wanted)


def summed_mlp(
    pooled: Tensor, reduce: Tensor, reduce_bias: Grad, expand: Tensor, expand_bias: Grad
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (N, C), the hidden layer (P, N, R), and its sum over pools (N, R)."""
    pools, images, channels = pooled.shape
    if reduce.numel() > FEW:
        with torch.autocast("cpu", enabled=False):
            hidden = torch.nn.functional.linear(pooled, reduce, reduce_bias).relu_()
            total = hidden.sum(0)
            y = total @ expand.t()
        return y if expand_bias is None else y.add_(expand_bias, alpha=pools), hidden, total
    reduce, expand = reduce.contiguous(), expand.contiguous()
    hidden = pooled.new_empty((pools, images, len(reduce)))
    total, y = pooled.new_empty((images, len(reduce))), pooled.new_empty((images, channels))
    call(
        "mlp", pooled.dtype, *map(c_int64, (*pooled.shape, len(reduce))), pooled, reduce,
        reduce_bias, expand, expand_bias, torch.empty_like(reduce), hidden, total, y,
    )  # fmt: skip
    return y, hidden, total


def summed_mlp_backward(
    g: Tensor, pooled: Tensor, reduce: Tensor, expand: Tensor, hidden: Tensor, total: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradients of pools, weights and biases, in the order of the arguments."""
    if reduce.numel() > FEW:
        with torch.autocast("cpu", enabled=False):
            given = torch.where(hidden <= 0, 0.0, g @ expand)
            rows = given.flatten(0, 1)
            of_weights = (rows.t() @ pooled.flatten(0, 1), rows.sum(0), g.t() @ total)
            return given @ reduce, *of_weights, g.sum(0).mul_(len(pooled))
    (width, channels), new = reduce.shape, reduce.new_empty
    reduce, expand = reduce.contiguous(), expand.contiguous()
    shapes = (pooled.shape, (width, channels), (width,), (channels, width), (channels,))
    found = [new(shape) for shape in shapes]
    call(
        "mlp_backward", pooled.dtype, *map(c_int64, (*pooled.shape, width)), g, pooled, reduce,
        expand, hidden, total, torch.empty_like(reduce), torch.empty_like(hidden), *found,
    )  # fmt: skip
    return tuple(found)
