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

from foveal.attention.fast.passes import (
    Layout,
    Pooled,
    Terms,
    alike,
    dot,
    joint,
    joint_backward,
    layout_of,
    pool,
    scale,
    small_dtype,
    spread,
)

Grad = Tensor | None


class PoolPositions(torch.autograd.Function):
    """Pool each channel: the first step of channel attention, and of CBAM."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, greatest: bool) -> tuple[Grad, ...]:
        """Return mean and greatest (N, C), the map, and slots for its weights and for `PoolWeighed`."""
        pooled = begun(ctx, x, positions=True, greatest=greatest)
        ctx.save_for_backward(pooled.place)
        n, c, p = ctx.lies.images, ctx.lies.channels, ctx.lies.positions
        return pooled.mean, pooled.greatest, x.view_as(x), slot(x, n, c), slot(x, n, 4, p)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, mean: Grad, greatest: Grad, g: Grad, weights: Grad, behind: Grad
    ) -> tuple[Grad, ...]:
        """Write the gradient of the input."""
        (place,) = ctx.saved_tensors
        channel = Terms(weights, shared(mean, ctx.lies.positions), greatest, place)
        position = Terms() if behind is None else unpacked(behind)
        return spread(present(ctx, g), ctx.lies, channel.whole(), position), None


class PoolChannels(torch.autograd.Function):
    """Pool each position: the first step of spatial attention."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, greatest: bool) -> tuple[Grad, ...]:
        """Return mean and greatest (N, P), the map, and a slot for its weights."""
        pooled = begun(ctx, x, positions=False, greatest=greatest)
        ctx.save_for_backward(pooled.place)
        return pooled.mean, pooled.greatest, x.view_as(x), slot(x, *pooled.mean.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, mean: Grad, greatest: Grad, g: Grad, weights: Grad) -> tuple[Grad, ...]:
        """Write the gradient of the input."""
        (place,) = ctx.saved_tensors
        position = Terms(weights, shared(mean, ctx.lies.channels), greatest, place)
        return spread(present(ctx, g), ctx.lies, Terms(), position.whole()), None


class PoolWeighed(torch.autograd.Function):
    """Pool each position of a map that `PoolPositions` gave, weighed by channel: CBAM between its gates."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, by_channel: Tensor, _own: Tensor, _behind: Tensor, greatest: bool
    ) -> tuple[Grad, ...]:
        """Return mean and greatest (N, P), the map, and a slot for its weights."""
        pooled = begun(ctx, x, positions=False, greatest=greatest, by_channel=by_channel)
        ctx.save_for_backward(x, by_channel, pooled.place)
        return pooled.mean, pooled.greatest, x.view_as(x), slot(x, *pooled.mean.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, mean: Grad, greatest: Grad, g: Grad, weights: Grad) -> tuple[Grad, ...]:
        """Return the gradient as it came, that of the weights by channel, and what goes through the slots."""
        x, by_channel, place = ctx.saved_tensors
        g, shift = present(ctx, g), shared(mean, ctx.lies.channels)
        of_weights = None
        if ctx.needs_input_grad[1]:
            of_weights = dot(g, x, ctx.lies, positions=True, weights=weights, shift=shift)
            if greatest is not None:
                at = place.long()
                values = x.flatten(2).gather(1, at[:, None])[:, 0].to(greatest.dtype)
                of_weights.scatter_add_(1, at, values * greatest)
        peak = None if greatest is None else greatest * by_channel.gather(1, place.long())
        return g, of_weights, by_channel, packed(weights, shift, peak, place, like=by_channel), None


class Weigh(torch.autograd.Function):
    """Weigh a map that one of the pools gave: the last step of a gate."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weights: Tensor,
        _own: Tensor,
        by_channel: Tensor | None,
        positions: bool,
    ) -> Tensor:
        """Weigh by position (and before that by `by_channel`), or by channel."""
        ctx.lies, ctx.positions = lies(x), positions
        ctx.save_for_backward(x, weights, by_channel)
        return scale(x, ctx.lies, *((by_channel, weights) if positions else (weights, None)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradient as it came, that of the weights, and the weights through the slot."""
        x, weights, by_channel = ctx.saved_tensors
        g = alike(g, x.dtype, ctx.lies)
        of_weights = None
        if ctx.needs_input_grad[1]:
            of_weights = dot(g, x, ctx.lies, positions=not ctx.positions, weights=by_channel)
        return g, of_weights, weights, None, None


class Joint(torch.autograd.Function):
    """x + x sigma(channel + position), or of their product: the last step of BAM."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, channel: Tensor, position: Tensor, product: bool) -> Tensor:
        """Weigh by the logits of both branches, which are computed once more for the gradient."""
        ctx.lies, ctx.product = lies(x), product
        ctx.save_for_backward(x, channel, position)
        return joint(x, ctx.lies, channel, position, product=product)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Grad, ...]:
        """Return the gradients of the input as a factor and of the logits."""
        x, channel, position = ctx.saved_tensors
        g = alike(g, x.dtype, ctx.lies)
        return *joint_backward(g, x, ctx.lies, channel, position, product=ctx.product), None


def begun(
    ctx: Any, x: Tensor, *, positions: bool, greatest: bool, by_channel: Tensor | None = None
) -> Pooled:
    """Pool a map and remember of it what its gradient needs; what nobody used has no gradient."""
    ctx.lies, ctx.size, ctx.dtype = lies(x), x.shape, x.dtype
    ctx.set_materialize_grads(False)
    return pool(x, ctx.lies, positions=positions, greatest=greatest, by_channel=by_channel)


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


def shared(of_mean: Grad, count: int) -> Grad:
    """Return the gradient of each value in a mean."""
    return None if of_mean is None else of_mean / count


def packed(scale: Grad, shift: Grad, peak: Grad, place: Grad, *, like: Tensor) -> Grad:
    """Return terms as one tensor (N, 4, P), for a slot; float32 tells channels apart up to 2**24."""
    parts = [scale, shift, peak, None if peak is None else place]
    there = [part for part in parts if part is not None]
    if not there:
        return None
    none = torch.zeros_like(there[0])
    return torch.stack([none if part is None else part.to(like.dtype) for part in parts], 1)


def unpacked(terms: Tensor) -> Terms:
    """Return the terms of `packed`."""
    scale, shift, peak, place = terms.unbind(1)
    return Terms(scale, shift, peak, place.int()).whole()
