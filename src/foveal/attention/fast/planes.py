"""Convolutions of few planes, as gates have them, for which libraries are not made."""

from __future__ import annotations

from ctypes import c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveal.attention.fast.passes import call

TOGETHER = 8  # as in gates.c: images of which a pass sums the gradient of a weight
SLACK = 64  # BLOCK of gates.c: values that a pass may read behind the last plane

Grad = Tensor | None


class Convolve(torch.autograd.Function):
    """A convolution of planes (N, I, H, W) with weights (O, I, K, K), K odd, that keeps their size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Grad, dilation: int) -> Tensor:
        """Return (N, O, H, W)."""
        padded, ctx.size, ctx.dilation = padding(x, weight, dilation), x.shape, dilation
        ctx.save_for_backward(padded, weight)
        return convolve(padded, ctx.size, weight, bias, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of planes, weights and bias."""
        padded, weight = ctx.saved_tensors
        given, of_planes, of_weight, of_bias = padding(g, weight, ctx.dilation), None, None, None
        if ctx.needs_input_grad[0]:
            turned = weight.transpose(0, 1).flip(2, 3)
            of_planes = convolve(given, g.shape, turned, None, ctx.dilation)
        if ctx.needs_input_grad[1]:
            of_weight = correlate(padded, ctx.size, given, weight, ctx.dilation)
        if ctx.needs_input_grad[2]:
            of_bias = g.sum((0, 2, 3))
        return of_planes, of_weight, of_bias, None


def padding(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Return planes with the zeros around them that the passes count on."""
    x = x.contiguous()
    n, c, h, w = x.shape
    reach = weight.shape[-1] // 2 * dilation
    padded = x.new_empty(n * c * (h + 2 * reach + 1) * (w + reach) + SLACK)
    call("pad", x.dtype, *map(c_int64, (n * c, h, w, reach)), x, padded)
    return padded


def convolve(padded: Tensor, size: torch.Size, weight: Tensor, bias: Grad, dilation: int) -> Tensor:
    """Convolve padded planes of `size` (N, I, H, W)."""
    weight = weight.contiguous()
    y = padded.new_empty((size[0], weight.shape[0], *size[2:]))
    call("convolve", padded.dtype, *sizes(size, weight, dilation), padded, weight, bias, y)
    return y


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
