"""Gates as few passes over the feature map: what autograd is told of them.

A gate pools the map, computes weights from the pools, and weighs the map. Here the map goes from one of
these steps to the next unweighed. Backward, each step passes the gradient on as it came, and through a
`slot` what it would have done to it; a slot is an output without values, there only for the gradient that
comes back through it. So the first step alone, the one that took the input of the gate, writes a gradient of
the size of the map, and nothing of that size is kept but the input.

Second derivatives are not there: take the plain path for them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveal.kernels.bindings import (
    SUM,
    Layout,
    Terms,
    alike,
    dot,
    joined,
    joint,
    joint_dots,
    joint_spread,
    layout_of,
    pool,
    project,
    scale,
    small_dtype,
    spread,
)

Grad = Tensor | None


class PoolPositions(torch.autograd.Function):
    """Pool each channel: the first step of channel attention."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pools: tuple[str, ...]) -> tuple[Grad, ...]:
        """Return the pools (pools, N, C), the map, and a slot for its weights."""
        pooled = begun(ctx, x, pools, positions=True)
        return pooled, x.view_as(x), slot(x, *pooled.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, pools: Grad, g: Grad, weights: Grad) -> tuple[Grad, ...]:
        """Write the gradient of the input."""
        channel = Terms(weights, *of_pools(ctx, pools))
        return spread(present(ctx, g), ctx.lies, channel.whole(), Terms()), None


class PoolChannels(torch.autograd.Function):
    """Pool each position: the first step of spatial attention."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pools: tuple[str, ...]) -> tuple[Grad, ...]:
        """Return the pools (pools, N, P), the map, and a slot for its weights."""
        pooled = begun(ctx, x, pools, positions=False)
        return pooled, x.view_as(x), slot(x, *pooled.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, pools: Grad, g: Grad, weights: Grad) -> tuple[Grad, ...]:
        """Write the gradient of the input."""
        position = Terms(weights, *of_pools(ctx, pools))
        return spread(present(ctx, g), ctx.lies, Terms(), position.whole()), None


class Weigh(torch.autograd.Function):
    """Weigh a map that one of the pools gave: the last step of a gate."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weights: Tensor,
        _own: Tensor,
        positions: bool,
    ) -> Tensor:
        """Weigh by position, or by channel."""
        ctx.lies, ctx.positions = lies(x), positions
        ctx.save_for_backward(x, weights)
        return scale(x, ctx.lies, *((None, weights) if positions else (weights, None)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradient as it came, that of the weights, and the weights through the slot."""
        x, weights = ctx.saved_tensors
        g = alike(g, x.dtype, ctx.lies)
        of_weights = None
        if ctx.needs_input_grad[1]:
            of_weights = dot(g, x, ctx.lies, positions=not ctx.positions)
        return g, of_weights, weights, None


class PoolForJoint(torch.autograd.Function):
    """Pool each channel: the first step of BAM, before `Project` and `Joint`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pools: tuple[str, ...], width: int) -> tuple[Grad, ...]:
        """Return the pools (pools, N, C), the map, and slots for what `joined` gives and `Project` adds."""
        pooled = begun(ctx, x, pools, positions=True)
        n, c, p = ctx.lies.images, ctx.lies.channels, ctx.lies.positions
        slots = slot(x, n, c), slot(x, n, p), slot(x), slot(x, n, width, p), slot(x, width, c)
        return pooled, x.view_as(x), *slots

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, pools: Grad, g: Grad, channel: Grad, position: Grad, how: Grad, planes: Grad,
        weight: Grad,
    ) -> tuple[Grad, ...]:  # fmt: skip
        """Write the gradient of the input."""
        lies, g = ctx.lies, present(ctx, g)
        shift, greatest, place = of_pools(ctx, pools)
        if channel is None or position is None or how is None:  # weighed otherwise: g is whole
            channel = torch.full((lies.images, lies.channels), -torch.inf, dtype=small_dtype(g))
            position = channel.new_zeros((lies.images, lies.positions))
            how = channel.new_tensor(SUM)
        out = joint_spread(
            g, lies, channel.contiguous(), position.contiguous(), int(how),
            shift=shift, planes=planes, weight=weight,
        )  # fmt: skip
        if greatest is not None and place is not None:
            flat = out.flatten(2) if out.is_contiguous() else out.permute(0, 2, 3, 1).flatten(1, 2)
            dim = 2 if out.is_contiguous() else 1
            flat.scatter_add_(
                dim, place.long().unsqueeze(dim), greatest.to(out.dtype).unsqueeze(dim)
            )
        return out, None, None


class Project(torch.autograd.Function):
    """A convolution of one position, C to W channels, of a map that `PoolForJoint` gave."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Grad, _planes: Tensor, _weight: Tensor
    ) -> Tensor:
        """Return (N, W, P) from weights (W, C), in their dtype."""
        ctx.lies = lies(x)
        ctx.save_for_backward(x, weight)
        out = project(x, ctx.lies, weight, positions=False)
        out = out if bias is None else out.add_(bias[:, None])
        return out.to(weight.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of weights and bias, and what the map's is made of through the slots."""
        x, weight = ctx.saved_tensors
        g, of_weight = g.to(small_dtype(x)), None
        if ctx.needs_input_grad[1]:
            of_weight = project(x, ctx.lies, g, positions=True).sum(0)
        of_bias = g.sum((0, 2)) if ctx.needs_input_grad[2] else None
        return None, of_weight, of_bias, g, weight.to(g.dtype)


class Joint(torch.autograd.Function):
    """x + x sigma(channel + position), or of their product: the last step of BAM."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, channel: Tensor, position: Tensor, product: bool, *_slots: Tensor
    ) -> Tensor:
        """Weigh by the logits of both branches, of which weights are computed once more for the gradient."""
        ctx.lies = lies(x)
        channel, position, ctx.how = joined(channel, position, product=product)
        ctx.save_for_backward(x, channel, position)
        return joint(x, ctx.lies, channel, position, ctx.how)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradient as it came, those of the logits, and through the slots what `joined` gave."""
        x, channel, position = ctx.saved_tensors
        g = alike(g, x.dtype, ctx.lies)
        dots = joint_dots(g, x, ctx.lies, channel, position, ctx.how)
        return g, *dots, None, channel, position, channel.new_tensor(ctx.how)


def begun(ctx: Any, x: Tensor, pools: tuple[str, ...], *, positions: bool) -> Tensor:
    """Pool a map and remember of it what its gradient needs; what nobody used has no gradient."""
    ctx.lies, ctx.size, ctx.dtype, ctx.pools = lies(x), x.shape, x.dtype, pools
    ctx.shared_by = ctx.lies.positions if positions else ctx.lies.channels
    ctx.set_materialize_grads(False)
    pooled = pool(x, ctx.lies, pools, positions=positions)
    ctx.save_for_backward(pooled.place)
    return pooled.values


def of_pools(ctx: Any, g: Grad) -> tuple[Grad, Grad, Grad]:
    """Return what the gradient of pools adds to the map's everywhere, what at single places, and at which."""
    if g is None:
        return None, None, None
    shift, peak = each_of(g.contiguous(), ctx.pools, ctx.shared_by)
    return shift, peak, None if peak is None else ctx.saved_tensors[0]


def each_of(g: Tensor, pools: tuple[str, ...], count: int) -> tuple[Grad, Grad]:
    """Return the gradient of each of `count` values in a mean, and that of the greatest, of that of pools."""
    each = dict(zip(pools, g.unbind(), strict=True))
    return each["avg"] / count if "avg" in each else None, each.get("max")


def lies(x: Tensor) -> Layout:
    """Return the layout of a map that has one."""
    found = layout_of(x)
    assert found is not None
    return found


def slot(x: Tensor, *size: int) -> Tensor:
    """Return an output without values, which takes no memory."""
    return x.new_zeros((), dtype=small_dtype(x)).expand(size)


def present(ctx: Any, g: Grad) -> Tensor:
    """Return the gradient of the map; it is zero where only the pools were used."""
    if g is None:
        g = torch.zeros(ctx.size, dtype=ctx.dtype)
    return alike(g, ctx.dtype, ctx.lies)
