"""Batch norm of maps with few channels; a library uses one thread per channel."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from foveal.kernels.autograd import MaybeTensor, run_autograd_function
from foveal.kernels.bindings import call_kernel
from foveal.kernels.dispatch import supports, supports_batch_norm
from foveal.kernels.layout import get_accumulator_dtype
from foveal.kernels.plain_backward import differentiate, with_plain_backward


def supports_small_batch_norm(norm: _BatchNorm, x: Tensor) -> bool:
    """Return True if `apply_small_batch_norm` supports a norm in training and a map (N, C, H, W)."""
    return (
        norm.training
        and supports(x)
        and x.dim() == 4
        and x.dtype == get_accumulator_dtype(x)
        and supports_batch_norm(norm, x)
    )


def apply_small_batch_norm(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Return a map normalized by the statistics of its batch, and update the running statistics of `norm`."""
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    out: Tensor = run_autograd_function(
        SmallBatchNormFunction, x.contiguous(), norm.weight, norm.bias, norm.running_mean,
        norm.running_var, norm.momentum, norm.eps,
    )  # fmt: skip
    return out


def normalize_plainly(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return the map of `batch_norm_forward`, computed by plain operations."""
    return functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def _plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `SmallBatchNormFunction.backward` by plain operations."""
    inputs = ctx.saved_tensors[:3]
    function = partial(normalize_plainly, eps=ctx.eps)
    return *differentiate(function, inputs, (g,)), None, None, None, None


class SmallBatchNormFunction(torch.autograd.Function):
    """Normalization of a map (N, C, H, W) by the mean and variance of its batch."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor,
        running_variance: Tensor, momentum: float, eps: float,
    ) -> Tensor:  # fmt: skip
        """Return (x - mean) / sqrt(variance + eps) * weight + bias, and update the running statistics (C,).

        The map is contiguous.
        """
        y, *statistics = batch_norm_forward(
            x, weight, bias, running_mean, running_variance, momentum, eps
        )
        ctx.eps = eps
        ctx.save_for_backward(x, weight, bias, *statistics)
        return y

    @staticmethod
    @with_plain_backward(_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the gradients of map, weight and bias."""
        x, weight, _, *statistics = ctx.saved_tensors
        return *batch_norm_backward(g, x, weight, *statistics), None, None, None, None


def batch_norm_forward(
    x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_variance: Tensor,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the normalized map, and mean and inverse standard deviation of each channel."""
    y, mean, inverse_std = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
    call_kernel(
        "small_batch_norm_forward", x.dtype, *_get_map_sizes(x), x, weight, bias, eps, momentum,
        running_mean, running_variance, _make_scratch_buffer(x), mean, inverse_std, y,
    )  # fmt: skip
    increment_version((running_mean, running_variance))
    return y, mean, inverse_std


def batch_norm_backward(
    g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse_std: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of map, weight and bias."""
    x_grad = torch.empty_like(x)
    weight_grad, bias_grad = torch.empty_like(mean), torch.empty_like(mean)
    call_kernel(
        "small_batch_norm_backward", x.dtype, *_get_map_sizes(x), g.contiguous(), x, weight, mean,
        inverse_std, _make_scratch_buffer(x), weight_grad, bias_grad, x_grad,
    )  # fmt: skip
    return x_grad, weight_grad, bias_grad


def _get_map_sizes(x: Tensor) -> tuple[int, int, int]:
    """Return images, channels and positions."""
    return x.shape[0], x.shape[1], x.shape[2] * x.shape[3]


def _make_scratch_buffer(x: Tensor) -> Tensor:
    """Return memory for two sums per image and channel."""
    return x.new_empty((2, *x.shape[:2]))
