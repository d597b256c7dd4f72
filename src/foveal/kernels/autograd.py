"""Autograd functions for the steps of a gate: pool the map, compute weights from the pools, weight the map.

All steps compute from the input of the gate. The first step also returns it, and the last step takes both. In
backward, the last step sends its incoming gradient unchanged to the first step, and its scale and shift through
gradient carriers: outputs without values that exist only for the gradient that comes back through them. So only
the first step writes a gradient of the size of the map, and the input is the only tensor of that size that is
saved.

Each step saves the input itself, not the map that the first step returned: the gradient of a gradient adds to
it directly, unscaled.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from foveal.kernels.constants import LOGITS_PRODUCT, LOGITS_SUM
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
from foveal.kernels.plain_backward import with_plain_backward

MaybeTensor = Tensor | None

_NO_TERMS = GradientTerms()
_CHANNELS_DIM, _POSITIONS_DIM = 1, 2
"""Dimensions of a flat map (N, C, P)."""


def _pool_plain_backward(
    ctx: Any, pools_grad: MaybeTensor, g: MaybeTensor, weights: MaybeTensor
) -> tuple[MaybeTensor, ...]:
    """Compute `PoolMap.backward` by plain operations."""
    flat_grad = _get_flat_grad(ctx, g)
    if weights is not None:
        flat_grad = flat_grad * weights.unsqueeze(ctx.pooled_dim)
    return _add_pool_grads(ctx, flat_grad, pools_grad), None, None


class PoolMap(torch.autograd.Function):
    """Pools over all positions, or over all channels: the first step of channel or spatial attention."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, pools: tuple[str, ...], over_positions: bool
    ) -> tuple[MaybeTensor, ...]:
        """Return the pools (pools, N, C) or (pools, N, P), the map, and a gradient carrier for its weights."""
        pooled = _pool_and_save(ctx, x, pools, over_positions=over_positions)
        return pooled, x.view_as(x), _make_gradient_carrier(x, *pooled.shape[1:])

    @staticmethod
    @with_plain_backward(_pool_plain_backward)
    def backward(
        ctx: Any, pools_grad: MaybeTensor, g: MaybeTensor, weights: MaybeTensor
    ) -> tuple[MaybeTensor, ...]:
        """Return the gradient of the input."""
        terms = GradientTerms(weights, *_compute_pool_grad_terms(ctx, pools_grad)).contiguous()
        over_positions = ctx.pooled_dim == _POSITIONS_DIM
        channel, position = (terms, _NO_TERMS) if over_positions else (_NO_TERMS, terms)
        return (
            weighting_backward(_get_grad_or_zeros(ctx, g), ctx.layout, channel, position),
            None,
            None,
        )


def _weight_plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `WeightMap.backward` by plain operations."""
    x, weights = ctx.saved_tensors
    products = _flatten(g.to(weights.dtype) * x)
    return None, g, products.sum(1 if ctx.per_position else 2), weights, None


class WeightMap(torch.autograd.Function):
    """The weighting of a map that `PoolMap` has pooled: the last step of a gate."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, _pooled_x: Tensor, weights: Tensor, _weights_carrier: Tensor,
        per_position: bool,
    ) -> Tensor:  # fmt: skip
        """Return x times its weights, one per position (N, P) or per channel (N, C).

        `_pooled_x` is the same map as an output of `PoolMap`.
        """
        ctx.layout, ctx.per_position = require_layout(x), per_position
        ctx.save_for_backward(x, weights)
        channel, position = (None, weights) if per_position else (weights, None)
        return scale_map(x, ctx.layout, channel, position)

    @staticmethod
    @with_plain_backward(_weight_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the incoming gradient, the gradient of the weights, and the weights for the carrier."""
        x, weights = ctx.saved_tensors
        g = match_layout(g, x.dtype, ctx.layout)
        weights_grad = None
        if ctx.needs_input_grad[2]:
            weights_grad = dot_maps(g, x, ctx.layout, over_positions=not ctx.per_position)
        return None, g, weights_grad, weights, None


def _bam_pool_plain_backward(
    ctx: Any, pools_grad: MaybeTensor, g: MaybeTensor, channel: MaybeTensor, position: MaybeTensor,
    encoding: MaybeTensor, projection_grad: MaybeTensor, filters: MaybeTensor,
) -> tuple[MaybeTensor, ...]:  # fmt: skip
    """Compute `BAMPool.backward` by plain operations."""
    flat_grad = _get_flat_grad(ctx, g)
    if channel is not None and position is not None and encoding is not None:
        combine = torch.mul if int(encoding) == LOGITS_PRODUCT else torch.add
        flat_grad = (
            flat_grad + flat_grad * combine(channel[:, :, None], position[:, None]).sigmoid()
        )
    if projection_grad is not None and filters is not None:
        flat_grad = flat_grad + filters.t() @ projection_grad
    return _add_pool_grads(ctx, flat_grad, pools_grad), None, None


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
    @with_plain_backward(_bam_pool_plain_backward)
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


def _bam_projection_plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `BAMProjection.backward` by plain operations."""
    x, weight = ctx.saved_tensors
    g = g.to(get_accumulator_dtype(x))
    weight_grad = (g @ _flatten(x).to(g.dtype).transpose(1, 2)).sum(0)
    return None, weight_grad, g.sum((0, 2)), g, weight.to(g.dtype)


class BAMProjection(torch.autograd.Function):
    """A 1x1 convolution, C to W channels, of the map that `BAMPool` has pooled."""

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
    @with_plain_backward(_bam_projection_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the gradients of weight and bias, and the factors of the map's gradient for the carriers."""
        x, weight = ctx.saved_tensors
        g, weight_grad = g.to(get_accumulator_dtype(x)), None
        if ctx.needs_input_grad[1]:
            weight_grad = project_map(x, ctx.layout, g, over_positions=True).sum(0)
        bias_grad = g.sum((0, 2)) if ctx.needs_input_grad[2] else None
        return None, weight_grad, bias_grad, g, weight.to(g.dtype)


def _bam_combine_plain_backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
    """Compute `BAMCombine.backward` by plain operations, with the logits as they are for the carriers."""
    x, channel, position, *_ = ctx.saved_tensors
    factors = channel[:, :, None], position[:, None]
    gate = (factors[0] * factors[1] if ctx.product else factors[0] + factors[1]).sigmoid()
    logits_grad = _flatten(g.to(gate.dtype) * x) * gate * (1 - gate)
    channel_grad, position_grad = logits_grad, logits_grad
    if ctx.product:
        channel_grad, position_grad = logits_grad * factors[1], logits_grad * factors[0]
    encoding = channel.new_tensor(LOGITS_PRODUCT if ctx.product else LOGITS_SUM)
    return None, g, channel_grad.sum(2), position_grad.sum(1), None, channel, position, encoding


class BAMCombine(torch.autograd.Function):
    """x + x sigmoid(channel + position), or of the product of both logits: the last step of BAM."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, _pooled_x: Tensor, channel: Tensor, position: Tensor, product: bool,
        *_carriers: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return the output for logits (N, C) and (N, P); the sigmoid is computed again in backward.

        `_pooled_x` is the same map as an output of `BAMPool`.
        """
        ctx.layout, ctx.product = require_layout(x), product
        encoded = encode_logits(channel, position, product=product)
        *encoded_logits, ctx.encoding = encoded
        ctx.save_for_backward(x, channel, position, *encoded_logits)
        return bam_forward(x, ctx.layout, *encoded)

    @staticmethod
    @with_plain_backward(_bam_combine_plain_backward)
    def backward(ctx: Any, g: Tensor) -> tuple[MaybeTensor, ...]:
        """Return the incoming gradient, those of the logits, and the encoded logits for the carriers."""
        x, _, _, channel, position = ctx.saved_tensors
        g = match_layout(g, x.dtype, ctx.layout)
        grads = compute_bam_logit_grads(g, x, ctx.layout, channel, position, ctx.encoding)
        return None, g, *grads, None, channel, position, channel.new_tensor(ctx.encoding)


def run_autograd_function(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Call an autograd function; PyTorch declares no type for its `apply`."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def _pool_and_save(ctx: Any, x: Tensor, pools: tuple[str, ...], *, over_positions: bool) -> Tensor:
    """Return the pools of a map and save in `ctx` what its gradient needs.

    Outputs that are not used get no gradient instead of zeros.
    """
    ctx.layout, ctx.size, ctx.dtype, ctx.pools = require_layout(x), x.shape, x.dtype, pools
    ctx.pooled_dim = _POSITIONS_DIM if over_positions else _CHANNELS_DIM
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
    layout = ctx.layout
    pool_size = layout.positions if ctx.pooled_dim == _POSITIONS_DIM else layout.channels
    shift, peak = split_pool_grads(pools_grad.contiguous(), ctx.pools, pool_size)
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


def _get_flat_grad(ctx: Any, g: MaybeTensor) -> Tensor:
    """Return the gradient of the map as (N, C, P) in the accumulator dtype, or zeros."""
    if g is None:
        g = torch.zeros(ctx.size, dtype=ctx.dtype)
    return _flatten(g.to(get_accumulator_dtype(g)))


def _add_pool_grads(ctx: Any, flat_grad: Tensor, pools_grad: MaybeTensor) -> Tensor:
    """Return the gradient of the map (N, C, H, W): a flat one plus the gradient of the pools."""
    dim, (shift, peak, peak_index) = ctx.pooled_dim, _compute_pool_grad_terms(ctx, pools_grad)
    if shift is not None:
        flat_grad = flat_grad + shift.unsqueeze(dim)
    if peak is not None and peak_index is not None:
        flat_grad = flat_grad.scatter_add(
            dim, peak_index.long().unsqueeze(dim), peak.unsqueeze(dim)
        )
    return flat_grad.reshape(ctx.size).to(ctx.dtype)


def _flatten(x: Tensor) -> Tensor:
    """Return a map as (N, C, P); there is no `flatten` for a batch of gradients."""
    return x.reshape(*x.shape[:2], -1)
