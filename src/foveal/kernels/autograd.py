"""Autograd functions for the steps of a gate: pool the map, compute weights from the pools, weight the map.

The map passes from one step to the next unweighted. In backward, each step returns its incoming gradient
unchanged and sends its scale and shift to the first step through a gradient carrier: an output without values
that exists only for the gradient that comes back through it. So only the first step, the one that took the
input of the gate, writes a gradient of the size of the map, and the input is the only tensor of that size
that is saved.

There are no second derivatives: use plain operations for them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foveal.kernels.constants import LOGITS_SUM
from foveal.kernels.layout import get_accumulator_dtype, match_layout, require_layout
from foveal.kernels.map_kernels import (
    GradientTerms,
    bam_forward,
    compute_bam_input_grad,
    compute_bam_logit_grads,
    dot_maps,
    encode_logits,
    pool_map,
    project_map,
    scale_map,
    weighting_backward,
)

MaybeTensor = Tensor | None


class PositionPooling(torch.autograd.Function):
    """Pools of each channel over all positions: the first step of channel attention."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pools: tuple[str, ...]) -> tuple[MaybeTensor, ...]:
        """Return the pools (pools, N, C), the map, and a gradient carrier for its weights."""
        pooled = _pool_and_save(ctx, x, pools, over_positions=True)
        return pooled, x.view_as(x), _make_gradient_carrier(x, *pooled.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, pools_grad: MaybeTensor, g: MaybeTensor, weights: MaybeTensor
    ) -> tuple[MaybeTensor, ...]:
        """Return the gradient of the input."""
        channel = GradientTerms(weights, *_compute_pool_grad_terms(ctx, pools_grad))
        g = _get_grad_or_zeros(ctx, g)
        return weighting_backward(g, ctx.layout, channel.contiguous(), GradientTerms()), None


class ChannelPooling(torch.autograd.Function):
    """Pools of each position over all channels: the first step of spatial attention."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pools: tuple[str, ...]) -> tuple[MaybeTensor, ...]:
        """Return the pools (pools, N, P), the map, and a gradient carrier for its weights."""
        pooled = _pool_and_save(ctx, x, pools, over_positions=False)
        return pooled, x.view_as(x), _make_gradient_carrier(x, *pooled.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, pools_grad: MaybeTensor, g: MaybeTensor, weights: MaybeTensor
    ) -> tuple[MaybeTensor, ...]:
        """Return the gradient of the input."""
        position = GradientTerms(weights, *_compute_pool_grad_terms(ctx, pools_grad))
        g = _get_grad_or_zeros(ctx, g)
        return weighting_backward(g, ctx.layout, GradientTerms(), position.contiguous()), None


class WeightMap(torch.autograd.Function):
    """The weighting of a map that one of the pooling steps returned: the last step of a gate."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weights: Tensor,
        _weights_carrier: Tensor,
        per_position: bool,
    ) -> Tensor:
        """Return x times its weights, one per position (N, P) or per channel (N, C)."""
        ctx.layout, ctx.per_position = require_layout(x), per_position
        ctx.save_for_backward(x, weights)
        channel, position = (None, weights) if per_position else (weights, None)
        return scale_map(x, ctx.layout, channel, position)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the incoming gradient, the gradient of the weights, and the weights for the carrier."""
        x, weights = ctx.saved_tensors
        g = match_layout(g, x.dtype, ctx.layout)
        weights_grad = None
        if ctx.needs_input_grad[1]:
            weights_grad = dot_maps(g, x, ctx.layout, over_positions=not ctx.per_position)
        return g, weights_grad, weights, None


class BAMPool(torch.autograd.Function):
    """Pools of each channel over all positions: the first step of BAM."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pools: tuple[str, ...], width: int) -> tuple[MaybeTensor, ...]:
        """Return the pools (pools, N, C), the map, and the gradient carriers of the next two steps.

        `BAMCombine` sends its encoded logits through the first three carriers, `BAMProjection` the two
        factors of its input gradient through the last two.
        """
        pooled = _pool_and_save(ctx, x, pools, over_positions=True)
        n, c, p = ctx.layout.images, ctx.layout.channels, ctx.layout.positions
        carriers = (
            _make_gradient_carrier(x, n, c), _make_gradient_carrier(x, n, p), _make_gradient_carrier(x),
            _make_gradient_carrier(x, n, width, p), _make_gradient_carrier(x, width, c),
        )  # fmt: skip
        return pooled, x.view_as(x), *carriers

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, pools_grad: MaybeTensor, g: MaybeTensor, channel: MaybeTensor,
        position: MaybeTensor, encoding: MaybeTensor, projection_grad: MaybeTensor,
        filters: MaybeTensor,
    ) -> tuple[MaybeTensor, ...]:  # fmt: skip
        """Return the gradient of the input."""
        layout, g = ctx.layout, _get_grad_or_zeros(ctx, g)
        shift, peak, peak_index = _compute_pool_grad_terms(ctx, pools_grad)
        if channel is None or position is None or encoding is None:
            # Another map replaced the gate's: `g` is complete, and sigmoid(-inf) adds nothing.
            size = (layout.images, layout.channels)
            channel = torch.full(size, -torch.inf, dtype=get_accumulator_dtype(g))
            position = channel.new_zeros((layout.images, layout.positions))
            encoding = channel.new_tensor(LOGITS_SUM)
        x_grad = compute_bam_input_grad(
            g, layout, channel.contiguous(), position.contiguous(), int(encoding),
            shift=shift, projection_grad=projection_grad, filters=filters,
        )  # fmt: skip
        if peak is not None and peak_index is not None:
            is_contiguous = x_grad.is_contiguous()
            flat = x_grad.flatten(2) if is_contiguous else x_grad.permute(0, 2, 3, 1).flatten(1, 2)
            dim = 2 if is_contiguous else 1
            flat.scatter_add_(
                dim, peak_index.long().unsqueeze(dim), peak.to(x_grad.dtype).unsqueeze(dim)
            )
        return x_grad, None, None


class BAMProjection(torch.autograd.Function):
    """A 1x1 convolution, C to W channels, of the map that `BAMPool` returned."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: MaybeTensor, _grad_carrier: Tensor,
        _weight_carrier: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return (N, W, P) in the dtype of the weights (W, C)."""
        ctx.layout = require_layout(x)
        ctx.save_for_backward(x, weight)
        out = project_map(x, ctx.layout, weight, over_positions=False)
        out = out if bias is None else out.add_(bias[:, None])
        return out.to(weight.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the gradients of weight and bias, and the factors of the map's gradient for the carriers."""
        x, weight = ctx.saved_tensors
        g, weight_grad = g.to(get_accumulator_dtype(x)), None
        if ctx.needs_input_grad[1]:
            weight_grad = project_map(x, ctx.layout, g, over_positions=True).sum(0)
        bias_grad = g.sum((0, 2)) if ctx.needs_input_grad[2] else None
        return None, weight_grad, bias_grad, g, weight.to(g.dtype)


class BAMCombine(torch.autograd.Function):
    """x + x sigmoid(channel + position), or of the product of both logits: the last step of BAM."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, channel: Tensor, position: Tensor, product: bool, *_carriers: Tensor
    ) -> Tensor:
        """Return the output for logits (N, C) and (N, P); the sigmoid is computed again in backward."""
        ctx.layout = require_layout(x)
        channel, position, ctx.encoding = encode_logits(channel, position, product=product)
        ctx.save_for_backward(x, channel, position)
        return bam_forward(x, ctx.layout, channel, position, ctx.encoding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the incoming gradient, those of the logits, and the encoded logits for the carriers."""
        x, channel, position = ctx.saved_tensors
        g = match_layout(g, x.dtype, ctx.layout)
        grads = compute_bam_logit_grads(g, x, ctx.layout, channel, position, ctx.encoding)
        return g, *grads, None, channel, position, channel.new_tensor(ctx.encoding)


def run_autograd_function(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Call an autograd function; PyTorch declares no type for its `apply`."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def _pool_and_save(ctx: Any, x: Tensor, pools: tuple[str, ...], *, over_positions: bool) -> Tensor:
    """Return the pools of a map and save in `ctx` what its gradient needs.

    Outputs that are not used get no gradient instead of zeros.
    """
    ctx.layout, ctx.size, ctx.dtype, ctx.pools = require_layout(x), x.shape, x.dtype, pools
    ctx.pool_size = ctx.layout.positions if over_positions else ctx.layout.channels
    ctx.set_materialize_grads(False)
    pooled = pool_map(x, ctx.layout, pools, over_positions=over_positions)
    ctx.save_for_backward(pooled.argmax)
    return pooled.values


def _compute_pool_grad_terms(
    ctx: Any, pools_grad: MaybeTensor
) -> tuple[MaybeTensor, MaybeTensor, MaybeTensor]:
    """Return shift, peak and peak index that the gradient of the pools adds to the gradient of the map."""
    if pools_grad is None:
        return None, None, None
    shift, peak = split_pool_grads(pools_grad.contiguous(), ctx.pools, ctx.pool_size)
    return shift, peak, None if peak is None else ctx.saved_tensors[0]


def split_pool_grads(
    pools_grad: Tensor, pools: tuple[str, ...], pool_size: int
) -> tuple[MaybeTensor, MaybeTensor]:
    """Return the gradient of each of the `pool_size` values of a mean, and the gradient of the maximum."""
    grads = dict(zip(pools, pools_grad.unbind(), strict=True))
    return grads["avg"] / pool_size if "avg" in grads else None, grads.get("max")


def _make_gradient_carrier(x: Tensor, *size: int) -> Tensor:
    """Return an output without values; it takes no memory and only receives a gradient."""
    return x.new_zeros((), dtype=get_accumulator_dtype(x)).expand(size)


def _get_grad_or_zeros(ctx: Any, g: MaybeTensor) -> Tensor:
    """Return the gradient of the map in its layout; it is zero if only the pools were used."""
    if g is None:
        g = torch.zeros(ctx.size, dtype=ctx.dtype)
    return match_layout(g, ctx.dtype, ctx.layout)
