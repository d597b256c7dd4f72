"""Channel and spatial attention in series, as one function of the map and the weights.

Between the passes over the map lie many small steps, and what autograd and the calls of modules take for
each would be as much as the passes over a small map.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveal.kernels.autograd import each_of, lies
from foveal.kernels.bindings import Terms, alike, dot, pool, scale, spread
from foveal.kernels.channel_mlp import summed_mlp, summed_mlp_backward
from foveal.kernels.small_conv import convolved, convolved_backward, normed, normed_backward

Grad = Tensor | None
sigmoid_backward = torch.ops.aten.sigmoid_backward


class Norm(NamedTuple):
    """A batch norm but for its weights; it takes its running statistics as they are where `fixed`."""

    mean: Tensor
    variance: Tensor
    momentum: float
    eps: float
    fixed: bool


class Settings(NamedTuple):
    """What the gates are but for their weights: pools of both, and the convolution's dilation and norm."""

    pools: tuple[str, ...]
    planes: tuple[str, ...]
    dilation: int
    norm: Norm | None


class WeighInSeries(torch.autograd.Function):
    """Weigh a map by channel, and what that gives by position, without writing it."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, settings: Settings, reduce: Tensor, reduce_bias: Grad, expand: Tensor,
        expand_bias: Grad, kernel: Tensor, kernel_bias: Grad, norm_weight: Grad, norm_bias: Grad,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return the map weighed, and both maps it is weighed by, (N, C) and (N, P).

        The weights are those of `SummedMLP`, `Convolve` and `NormPlanes`.
        """
        layout = lies(x)
        channels = pool(x, layout, settings.pools, positions=True)
        logits, *hidden = summed_mlp(channels.values, reduce, reduce_bias, expand, expand_bias)
        by_channel = logits.sigmoid_()
        planes = pool(x, layout, settings.planes, positions=False, by_channel=by_channel)
        stacked = planes.values.transpose(0, 1).view(len(x), -1, *x.shape[2:])
        raw, padded = convolved(stacked, kernel, kernel_bias, settings.dilation)
        logits, *moments = normed_by(settings.norm, raw, norm_weight, norm_bias)
        by_position = logits.sigmoid().flatten(1)
        ctx.layout, ctx.settings = layout, settings
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(
            x, by_channel, by_position, channels.values, channels.place, planes.place, reduce,
            expand, kernel, norm_weight, padded, raw, *hidden, *moments,
        )  # fmt: skip
        return scale(x, layout, by_channel, by_position), by_channel, by_position

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Grad, of_channels: Grad, of_positions: Grad) -> tuple[Grad, ...]:
        """Return the gradients of the map and all weights: first through the spatial gate, then the other."""
        (
            x, by_channel, by_position, pooled, place, plane_place, reduce, expand, kernel,
            norm_weight, padded, raw, hidden, total, *moments,
        ) = ctx.saved_tensors  # fmt: skip
        layout, settings, (images, _, height, width) = ctx.layout, ctx.settings, x.shape
        g = alike(torch.zeros_like(x) if g is None else g, x.dtype, layout)
        of_position = dot(g, x, layout, positions=False, weights=by_channel)
        of_position = of_position if of_positions is None else of_position.add_(of_positions)
        logits = sigmoid_backward(of_position, by_position).view(images, 1, height, width)
        of_raw, *of_norm = normed_by_backward(settings.norm, logits, raw, norm_weight, *moments)
        of_planes = raw.new_empty((len(settings.planes), images, height, width))
        by_image = of_planes.transpose(0, 1)
        of_kernel = convolved_backward(
            of_raw, padded, kernel, settings.dilation, by_image.shape, by_image
        )
        of_kernel_bias = summed(of_raw) if ctx.needs_input_grad[7] else None
        shift, peak = each_of(of_planes.flatten(2), settings.planes, layout.channels)
        position = Terms(by_position, shift, peak, plane_place)
        of_channel = dot(g, x, layout, positions=True, weights=by_position, shift=shift,
                         peak=peak, place=position.place)  # fmt: skip
        of_channel = of_channel if of_channels is None else of_channel.add_(of_channels)
        of_logits = sigmoid_backward(of_channel, by_channel)
        of_pools, *of_mlp = summed_mlp_backward(of_logits, pooled, reduce, expand, hidden, total)
        found: list[Grad] = [None, None, *of_mlp, of_kernel, of_kernel_bias, *of_norm]
        if ctx.needs_input_grad[0]:
            shift, peak = each_of(of_pools, settings.pools, layout.positions)
            found[0] = spread(g, layout, Terms(by_channel, shift, peak, place), position)
        wanted = zip(found, ctx.needs_input_grad, strict=True)
        return tuple(value if needed else None for value, needed in wanted)


def normed_by(
    norm: Norm | None, x: Tensor, weight: Grad, bias: Grad
) -> tuple[Tensor, *tuple[Tensor, ...]]:
    """Return one plane an image normed, and with it mean and inverse deviation; as it is without a norm."""
    if norm is None or weight is None or bias is None:
        return (x,)
    if not norm.fixed:
        return normed(x, weight, bias, norm.mean, norm.variance, norm.momentum, norm.eps)
    mean, inverse = norm.mean.clone(), (norm.variance + norm.eps).rsqrt()
    return (x - mean) * (inverse * weight) + bias, mean, inverse


def normed_by_backward(
    norm: Norm | None, g: Tensor, x: Tensor, weight: Grad, *moments: Tensor
) -> tuple[Tensor, Grad, Grad]:
    """Return the gradients of planes, weight and bias."""
    if norm is None or weight is None:
        return g, None, None
    mean, inverse = moments
    if not norm.fixed:
        return normed_backward(g, x, weight, mean, inverse)
    return g * (inverse * weight), summed((x - mean) * inverse * g), summed(g)


def summed(g: Tensor) -> Tensor:
    """Sum one plane an image, image by image: torch's order of one long sum hangs on the threads."""
    return g.flatten(1).sum(1).sum(0, keepdim=True)
