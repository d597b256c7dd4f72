"""Batch norm and ReLU in one, for channels_last maps, with as few reads and writes of the map as possible."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from foveal.kernels.autograd import MaybeTensor, run_autograd_function
from foveal.kernels.bindings import call_kernel
from foveal.kernels.constants import STRIPS
from foveal.kernels.dispatch import supports_batch_norm, supports_map
from foveal.kernels.plain_backward import differentiate, with_plain_backward
from foveal.kernels.small_batch_norm import normalize_plainly


def supports_batch_norm_relu(
    norm: nn.BatchNorm2d, x: Tensor, *, offset: Tensor | None = None
) -> bool:
    """Return True if `apply_batch_norm_relu` supports a map (N, C, H, W), a norm and a constant per channel.

    The norm is not called.
    """
    return _can_normalize(norm, x) and supports_batch_norm(norm, x, offset)


def supports_conv_batch_norm_relu(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> bool:
    """Return True if the bias of `conv` may be left out before `apply_batch_norm_relu` in training.

    `x` is the input of the convolution, and neither module is called. A map that is contiguous in both
    formats has a contiguous output, so it is left to plain operations.
    """
    return (
        norm.training
        and type(conv) is nn.Conv2d
        and _can_normalize(norm, x, conv)
        and not x.is_contiguous()
    )


def _can_normalize(norm: nn.BatchNorm2d, x: Tensor, *skipped_modules: nn.Module) -> bool:
    """Return True if the kernel supports dtype, layout and mode, whatever the number of channels."""
    return (
        type(norm) is nn.BatchNorm2d
        and supports_map(x, part="norm", skipped_modules=(norm, *skipped_modules))
        and x.is_contiguous(memory_format=torch.channels_last)
        and (norm.training or not torch.is_grad_enabled())  # no gradient for fixed statistics
    )


def apply_batch_norm_relu(
    norm: nn.BatchNorm2d, x: Tensor, *, offset: Tensor | None = None
) -> Tensor:
    """Return `relu(norm(x + offset))`, with one value of `offset` per channel.

    In training this updates the running statistics of `norm`.
    """
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    if not norm.training:
        mean = mean if offset is None else mean - offset
        return _normalize_relu(x, mean, norm.weight * (variance + norm.eps).rsqrt(), norm.bias)
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    out: Tensor = run_autograd_function(
        BatchNormReLUFunction, x, offset, norm.weight, norm.bias, mean, variance, norm.momentum,
        norm.eps,
    )  # fmt: skip
    return out


def _plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `BatchNormReLUFunction.backward` by plain operations; the gradient of `offset` is zero."""

    def compute(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return normalize_plainly(x.to(weight.dtype), weight, bias, ctx.eps).relu().to(x.dtype)

    inputs = ctx.saved_tensors[:3]
    x_grad, *weight_grads = differentiate(compute, inputs, (g,))
    offset_grad = torch.zeros_like(inputs[1]) if ctx.needs_input_grad[1] else None
    return x_grad, offset_grad, *weight_grads, None, None, None, None


class BatchNormReLUFunction(torch.autograd.Function):
    """ReLU of a map (N, C, H, W) normalized by the mean and variance of its batch.

    Forward reads the map twice and writes it once; backward does the same and also reads the gradient twice.
    Backward computes again where the ReLU was off, so the output is not saved.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, offset: MaybeTensor, weight: Tensor, bias: Tensor, running_mean: Tensor,
        running_variance: Tensor, momentum: float, eps: float,
    ) -> Tensor:  # fmt: skip
        """Return relu((x - mean) / sqrt(variance + eps) * weight + bias); update the running statistics (C,).

        Adding a constant `offset` (C,) to x would only shift the mean: it affects the running mean alone, and
        its gradient is zero.
        """
        y, mean, inverse_std = (
            torch.empty_like(x),
            torch.empty_like(weight),
            torch.empty_like(weight),
        )
        call_kernel(
            "batch_norm_relu_forward", x.dtype, *_get_matrix_sizes(x), x, offset, weight, bias, eps,
            momentum, running_mean, running_variance, _make_scratch_buffer(weight), mean, inverse_std, y,
        )  # fmt: skip
        increment_version((running_mean, running_variance))
        ctx.eps = eps
        ctx.save_for_backward(x, weight, bias, mean, inverse_std)
        return y

    @staticmethod
    @with_plain_backward(_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the gradients of map, `offset`, weight and bias."""
        x, weight, bias, mean, inverse_std = ctx.saved_tensors
        g = g.to(x.dtype).contiguous(memory_format=torch.channels_last)
        x_grad = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        weight_grad, bias_grad = torch.empty_like(mean), torch.empty_like(mean)
        call_kernel(
            "batch_norm_relu_backward", x.dtype, *_get_matrix_sizes(x), g, x, weight, bias, mean,
            inverse_std, _make_scratch_buffer(weight), weight_grad, bias_grad, x_grad,
        )  # fmt: skip
        offset_grad = torch.zeros_like(mean) if ctx.needs_input_grad[1] else None
        return x_grad, offset_grad, weight_grad, bias_grad, None, None, None, None


def _normalize_relu(x: Tensor, mean: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Return relu((x - mean) * scale + bias) of a channels_last map; the other tensors are (C,)."""
    y = torch.empty_like(x)
    call_kernel("normalize_relu", x.dtype, *_get_matrix_sizes(x), x, mean, scale, bias, y)
    return y


def _get_matrix_sizes(x: Tensor) -> tuple[int, int]:
    """Return the number of positions of all images, and of channels."""
    return x.numel() // x.shape[1], x.shape[1]


def _make_scratch_buffer(per_channel: Tensor) -> Tensor:
    """Return memory for two sums per strip and channel, and one more row."""
    return per_channel.new_empty((2 * STRIPS + 1, len(per_channel)))
