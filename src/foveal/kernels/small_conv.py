"""Convolutions of few planes, as gates have them, and their norm, for which libraries are not made."""

from __future__ import annotations

from ctypes import c_double, c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import increment_version

from foveal.kernels.bindings import call

TOGETHER = 8  # as in kernels.c: images of which a pass sums the gradient of a weight
SLACK = 64  # BLOCK of kernels.c: values that a pass may read behind the last plane

Grad = Tensor | None


class Convolve(torch.autograd.Function):
    """A convolution of planes (N, I, H, W) with weights (O, I, K, K), K odd, that keeps their size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Grad, dilation: int) -> Tensor:
        """Return (N, O, H, W)."""
        x = in_planes(x)
        y, padded = convolved(x, weight, bias, dilation)
        ctx.size, ctx.strides, ctx.dilation = x.shape, x.stride(), dilation
        ctx.save_for_backward(padded, weight)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of planes, weights and bias."""
        of_planes, of_weight, of_bias, _ = ctx.needs_input_grad
        y = g.new_empty_strided(ctx.size, ctx.strides) if of_planes else None
        padded, weight = ctx.saved_tensors
        found = convolved_backward(g, padded, weight, ctx.dilation, ctx.size, y)
        return y, found if of_weight else None, g.sum((0, 2, 3)) if of_bias else None, None


def convolved(x: Tensor, weight: Tensor, bias: Grad, dilation: int) -> tuple[Tensor, Tensor]:
    """Return planes (N, O, H, W) and what the gradient needs: the padded ones."""
    padded = padding(x, weight, dilation)
    y = x.new_empty((x.shape[0], weight.shape[0], *x.shape[2:]))
    convolve(padded, x.shape, weight, bias, dilation, y)
    return y, padded


def convolved_backward(
    g: Tensor, padded: Tensor, weight: Tensor, dilation: int, size: torch.Size, y: Grad
) -> Tensor:
    """Return the gradient of the weight; write that of the planes of `size` into `y`, where there is one."""
    given = padding(in_planes(g), weight, dilation)
    if y is not None:
        convolve(given, g.shape, weight.transpose(0, 1).flip(2, 3), None, dilation, y)
    return correlate(padded, size, given, weight, dilation)


class NormPlanes(torch.autograd.Function):
    """Planes (N, C, H, W) normed by the mean and variance of their batch."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor,
        running_variance: Tensor, momentum: float, eps: float,
    ) -> Tensor:  # fmt: skip
        """Return (x - mean) / sqrt(variance + eps) * weight + bias; the running ones (C,) follow."""
        x = x.contiguous()
        y, *moments = normed(x, weight, bias, running_mean, running_variance, momentum, eps)
        ctx.save_for_backward(x, weight, *moments)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of planes, weight and bias."""
        return *normed_backward(g, *ctx.saved_tensors), None, None, None, None


def normed(
    x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_variance: Tensor,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return planes, and mean and inverse deviation of each channel."""
    y, mean, inverse = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
    call(
        "norm_planes", x.dtype, *planes_of(x), x, weight, bias, c_double(eps), c_double(momentum),
        running_mean, running_variance, work_for(x), mean, inverse, y,
    )  # fmt: skip
    increment_version((running_mean, running_variance))
    return y, mean, inverse


def normed_backward(
    g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of planes, weight and bias."""
    y, of_weight, of_bias = torch.empty_like(x), torch.empty_like(mean), torch.empty_like(mean)
    call(
        "norm_planes_backward", x.dtype, *planes_of(x), g.contiguous(), x, weight, mean, inverse,
        work_for(x), of_weight, of_bias, y,
    )  # fmt: skip
    return y, of_weight, of_bias


def planes_of(x: Tensor) -> tuple[c_int64, ...]:
    """Return images, channels and positions."""
    return c_int64(x.shape[0]), c_int64(x.shape[1]), c_int64(x.shape[2] * x.shape[3])


def work_for(x: Tensor) -> Tensor:
    """Return where planes put their sums."""
    return x.new_empty((2, *x.shape[:2]))


def in_planes(x: Tensor) -> Tensor:
    """Return planes (N, C, H, W) of which each lies side by side, in whatever order they are."""
    n, c, h, w = x.shape
    dense = x.stride() in ((c * h * w, h * w, w, 1), (h * w, n * h * w, w, 1))
    return x if dense else x.contiguous()


def padding(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Return planes with the zeros around them that the passes count on."""
    n, c, h, w = x.shape
    reach = weight.shape[-1] // 2 * dilation
    padded = x.new_empty(n * c * (h + 2 * reach + 1) * (w + reach) + SLACK)
    call("pad", x.dtype, *map(c_int64, (n, c, h, w, reach, *x.stride()[:2])), x, padded)
    return padded


def convolve(
    padded: Tensor, size: torch.Size, weight: Tensor, bias: Grad, dilation: int, y: Tensor
) -> None:
    """Convolve padded planes of `size` (N, I, H, W) into `y` (N, O, H, W)."""
    next_image, next_plane = map(c_int64, y.stride()[:2])
    call(
        "convolve", padded.dtype, *sizes(size, weight, dilation), padded, weight.contiguous(), bias,
        next_image, next_plane, y,
    )  # fmt: skip


def correlate(
    padded: Tensor, size: torch.Size, given: Tensor, weight: Tensor, dilation: int
) -> Tensor:
    """Return the gradient of the weight from padded planes and the padded gradient."""
    sums = padded.new_empty((-(-size[0] // TOGETHER), *weight.shape))
    call("correlate", padded.dtype, *sizes(size, weight, dilation), padded, given, sums)
    return sums.sum(0)


def sizes(size: torch.Size, weight: Tensor, dilation: int) -> tuple[c_int64, ...]:
    """Return images, inputs, outputs, height, width, kernel and dilation."""
    n, _, h, w = size
    outputs, inputs, kernel, _ = weight.shape
    return tuple(map(c_int64, (n, inputs, outputs, h, w, kernel, dilation)))
