"""The MLP of channel attention; it often has so few values that calling a library takes longer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.kernels.autograd import MaybeTensor, run_autograd_function
from foveal.kernels.bindings import call_kernel
from foveal.kernels.dispatch import supports
from foveal.kernels.layout import get_accumulator_dtype
from foveal.kernels.plain_backward import differentiate, with_plain_backward

MAX_WEIGHTS = 4096
"""Weights of one layer; above that a library is faster."""


def supports_channel_mlp(pooled: Tensor, reduce: nn.Linear, expand: nn.Linear) -> bool:
    """Return True if `apply_channel_mlp` supports the pools (N, P, C) and the layers, which are not called."""
    if not type(reduce) is type(expand) is nn.Linear:
        return False
    values = (reduce.weight, reduce.bias, expand.weight, expand.bias)
    return (
        supports(pooled, *values, skipped_modules=(reduce, expand))
        and pooled.dim() == 3
        and pooled.shape[2] == reduce.in_features == expand.out_features
        and reduce.out_features == expand.in_features
        and pooled.dtype == get_accumulator_dtype(pooled)
        and all(value.dtype == pooled.dtype for value in values if value is not None)
    )


def apply_channel_mlp(pooled: Tensor, reduce: nn.Linear, expand: nn.Linear) -> Tensor:
    """Return the sum over pools of `expand(relu(reduce(pool)))`: (N, C) for pools (N, P, C)."""
    out: Tensor = run_autograd_function(
        ChannelMLPFunction, pooled.transpose(0, 1).contiguous(),
        reduce.weight, reduce.bias, expand.weight, expand.bias,
    )  # fmt: skip
    return out


def compute_mlp_plainly(
    pooled: Tensor,
    reduce: Tensor,
    reduce_bias: MaybeTensor,
    expand: Tensor,
    expand_bias: MaybeTensor,
) -> Tensor:
    """Return the output of `mlp_forward`, computed by plain operations."""
    hidden = functional.linear(pooled, reduce, reduce_bias).relu()
    return functional.linear(hidden, expand, expand_bias).sum(0)


def _plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `ChannelMLPFunction.backward` by plain operations."""
    inputs = ctx.saved_tensors[:5]
    return tuple(differentiate(compute_mlp_plainly, inputs, (g,)))


class ChannelMLPFunction(torch.autograd.Function):
    """The sum over pools of an MLP, C -> R -> C with one hidden layer and a ReLU."""

    @staticmethod
    def forward(
        ctx: Any, pooled: Tensor, reduce: Tensor, reduce_bias: MaybeTensor, expand: Tensor,
        expand_bias: MaybeTensor,
    ) -> Tensor:  # fmt: skip
        """Return (N, C) for pools (P, N, C), weights (R, C) and (C, R), and biases (R,) and (C,)."""
        y, *hidden = mlp_forward(pooled, reduce, reduce_bias, expand, expand_bias)
        ctx.save_for_backward(pooled, reduce, reduce_bias, expand, expand_bias, *hidden)
        return y

    @staticmethod
    @with_plain_backward(_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the gradients of pools, weights and biases."""
        pooled, reduce, _, expand, _, *hidden = ctx.saved_tensors
        grads = mlp_backward(g.contiguous(), pooled, reduce, expand, *hidden)
        pairs = zip(grads, ctx.needs_input_grad, strict=True)
        return tuple(grad if is_needed else None for grad, is_needed in pairs)


def mlp_forward(
    pooled: Tensor,
    reduce: Tensor,
    reduce_bias: MaybeTensor,
    expand: Tensor,
    expand_bias: MaybeTensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output (N, C), the hidden layer (P, N, R), and its sum over pools (N, R)."""
    pools, images, channels = pooled.shape
    if reduce.numel() > MAX_WEIGHTS:
        with torch.autocast("cpu", enabled=False):
            hidden = torch.nn.functional.linear(pooled, reduce, reduce_bias).relu_()
            hidden_sum = hidden.sum(0)
            y = hidden_sum @ expand.t()
        return y if expand_bias is None else y.add_(expand_bias, alpha=pools), hidden, hidden_sum
    reduce, expand = reduce.contiguous(), expand.contiguous()
    hidden = pooled.new_empty((pools, images, len(reduce)))
    hidden_sum = pooled.new_empty((images, len(reduce)))
    y, transposed = pooled.new_empty((images, channels)), torch.empty_like(reduce)
    call_kernel(
        "channel_mlp_forward", pooled.dtype, *pooled.shape, len(reduce), pooled, reduce,
        reduce_bias, expand, expand_bias, transposed, hidden, hidden_sum, y,
    )  # fmt: skip
    return y, hidden, hidden_sum


def mlp_backward(
    g: Tensor, pooled: Tensor, reduce: Tensor, expand: Tensor, hidden: Tensor, hidden_sum: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradients of pools, weights and biases, in the order of the arguments of forward."""
    if reduce.numel() > MAX_WEIGHTS:
        with torch.autocast("cpu", enabled=False):
            hidden_grad = torch.where(hidden <= 0, 0.0, g @ expand)
            rows = hidden_grad.flatten(0, 1)
            weight_grads = (rows.t() @ pooled.flatten(0, 1), rows.sum(0), g.t() @ hidden_sum)
            return hidden_grad @ reduce, *weight_grads, g.sum(0).mul_(len(pooled))
    width, channels = reduce.shape
    reduce, expand = reduce.contiguous(), expand.contiguous()
    shapes = (pooled.shape, (width, channels), (width,), (channels, width), (channels,))
    grads = [reduce.new_empty(shape) for shape in shapes]
    transposed, hidden_grad = torch.empty_like(reduce), torch.empty_like(hidden)
    call_kernel(
        "channel_mlp_backward", pooled.dtype, *pooled.shape, width, g, pooled, reduce, expand,
        hidden, hidden_sum, transposed, hidden_grad, *grads,
    )  # fmt: skip
    return tuple(grads)
