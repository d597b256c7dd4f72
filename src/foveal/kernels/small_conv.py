"""Convolutions from few channels to few, as gates use them; libraries are built for many channels."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foveal.kernels.autograd import MaybeTensor, run_autograd_function
from foveal.kernels.bindings import call_kernel
from foveal.kernels.constants import BLOCK_SIZE, IMAGES_PER_GROUP
from foveal.kernels.dispatch import supports
from foveal.kernels.layout import get_accumulator_dtype
from foveal.kernels.plain_backward import differentiate, with_plain_backward

MAX_CHANNEL_PAIRS = 64
"""Pairs of an input and an output channel; above that a library is as fast."""


def supports_small_conv(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return True if `apply_small_conv` supports a map (N, I, H, W) and weights (O, I, K, K)."""
    return (
        supports(x, weight, bias)
        and x.dim() == 4
        and x.shape[1] == weight.shape[1]
        and weight.shape[0] * weight.shape[1] <= MAX_CHANNEL_PAIRS
    )


def apply_small_conv(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Return a convolution with an odd kernel that keeps height and width: (N, O, H, W) in the weights' dtype.

    It computes in the accumulator dtype, so in float32 for bfloat16.
    """
    dtype = get_accumulator_dtype(x)
    cast_bias = None if bias is None else bias.to(dtype)
    out: Tensor = run_autograd_function(
        SmallConv2dFunction, x.to(dtype), weight.to(dtype), cast_bias, dilation
    )
    return out.to(weight.dtype)


def convolve_plainly(x: Tensor, weight: Tensor, bias: MaybeTensor, dilation: int) -> Tensor:
    """Return the output of `conv_forward`, computed by plain operations."""
    padding = weight.shape[-1] // 2 * dilation
    return functional.conv2d(x, weight, bias, padding=padding, dilation=dilation)


def _plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `SmallConv2dFunction.backward` by plain operations."""
    _, *inputs = ctx.saved_tensors
    function = partial(convolve_plainly, dilation=ctx.dilation)
    return *differentiate(function, inputs, (g,)), None


class SmallConv2dFunction(torch.autograd.Function):
    """A convolution of maps (N, I, H, W) with weights (O, I, K, K), K odd, that keeps height and width."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: MaybeTensor, dilation: int) -> Tensor:
        """Return (N, O, H, W)."""
        dense_x = _make_channels_dense(x)
        y, padded_x = conv_forward(dense_x, weight, bias, dilation)
        ctx.size, ctx.strides, ctx.dilation = x.shape, dense_x.stride(), dilation
        ctx.save_for_backward(padded_x, x, weight, bias)
        return y

    @staticmethod
    @with_plain_backward(_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the gradients of map, weights and bias."""
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        x_grad = g.new_empty_strided(ctx.size, ctx.strides) if needs_x else None
        padded_x, _, weight, _ = ctx.saved_tensors
        weight_grad = conv_backward(g, padded_x, weight, ctx.dilation, ctx.size, x_grad)
        bias_grad = g.sum((0, 2, 3)) if needs_bias else None
        return x_grad, weight_grad if needs_weight else None, bias_grad, None


def conv_forward(
    x: Tensor, weight: Tensor, bias: MaybeTensor, dilation: int
) -> tuple[Tensor, Tensor]:
    """Return the output (N, O, H, W) and the padded input, which the gradient needs."""
    padded_x = _pad_channels(x, weight, dilation)
    y = x.new_empty((x.shape[0], weight.shape[0], *x.shape[2:]))
    _convolve(padded_x, x.shape, weight, bias, dilation, y)
    return y, padded_x


def conv_backward(
    g: Tensor,
    padded_x: Tensor,
    weight: Tensor,
    dilation: int,
    size: torch.Size,
    x_grad: MaybeTensor,
) -> Tensor:
    """Return the gradient of the weight; write the gradient of the map of `size` to `x_grad` unless None."""
    padded_g = _pad_channels(_make_channels_dense(g), weight, dilation)
    if x_grad is not None:
        flipped = weight.transpose(0, 1).flip(2, 3)
        _convolve(padded_g, g.shape, flipped, None, dilation, x_grad)
    return _compute_weight_grad(padded_x, size, padded_g, weight, dilation)


def _make_channels_dense(x: Tensor) -> Tensor:
    """Return a map (N, C, H, W) whose channels are contiguous each, in any order of channels and images."""
    n, c, h, w = x.shape
    is_dense = x.stride() in ((c * h * w, h * w, w, 1), (h * w, n * h * w, w, 1))
    return x if is_dense else x.contiguous()


def _pad_channels(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Return the map with zeros around each channel, as the kernels expect it."""
    n, c, h, w = x.shape
    margin = weight.shape[-1] // 2 * dilation
    padded_x = x.new_empty(n * c * (h + 2 * margin + 1) * (w + margin) + BLOCK_SIZE)
    call_kernel("pad", x.dtype, n, c, h, w, margin, *x.stride()[:2], x, padded_x)
    return padded_x


def _convolve(
    padded_x: Tensor,
    size: torch.Size,
    weight: Tensor,
    bias: MaybeTensor,
    dilation: int,
    y: Tensor,
) -> None:
    """Write the convolution of a padded map of `size` (N, I, H, W) to `y` (N, O, H, W)."""
    call_kernel(
        "convolve", padded_x.dtype, *_get_conv_sizes(size, weight, dilation), padded_x, weight.contiguous(),
        bias, *y.stride()[:2], y,
    )  # fmt: skip


def _compute_weight_grad(
    padded_x: Tensor, size: torch.Size, padded_g: Tensor, weight: Tensor, dilation: int
) -> Tensor:
    """Return the gradient of the weight from the padded map and the padded gradient."""
    sums = padded_x.new_empty((-(-size[0] // IMAGES_PER_GROUP), *weight.shape))
    sizes = _get_conv_sizes(size, weight, dilation)
    call_kernel("conv_weight_grad", padded_x.dtype, *sizes, padded_x, padded_g, sums)
    return sums.sum(0)


def _get_conv_sizes(size: torch.Size, weight: Tensor, dilation: int) -> tuple[int, ...]:
    """Return images, inputs, outputs, height, width, kernel and dilation."""
    n, _, h, w = size
    outputs, inputs, kernel, _ = weight.shape
    return n, inputs, outputs, h, w, kernel, dilation
