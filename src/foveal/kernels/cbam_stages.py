"""The stages of CBAM that need no other image of the batch: its channel gate and the pools of its spatial gate.

Where possible, one kernel takes an image through a whole stage while its map is in the cache. So the second
read of the map costs little. Otherwise there is one kernel per step, over the whole batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from foveal.kernels.autograd import split_pool_grads
from foveal.kernels.bindings import call_kernel
from foveal.kernels.channel_mlp import MAX_WEIGHTS, mlp_backward, mlp_forward
from foveal.kernels.constants import PARTS_PER_IMAGE
from foveal.kernels.layout import Layout
from foveal.kernels.map_kernels import (
    GradientTerms,
    PooledValues,
    allocate_pools,
    dot_maps,
    pool_map,
    weighting_backward,
)

_sigmoid_backward = torch.ops.aten.sigmoid_backward


class MLPWeights(NamedTuple):
    """Weights of the channel MLP: (R, C), (R,), (C, R), (C,), with None for a missing bias."""

    reduce: Tensor
    reduce_bias: Tensor | None
    expand: Tensor
    expand_bias: Tensor | None


class ChannelStage(NamedTuple):
    """Results of the channel gate in forward: pools, hidden layers (pools, N, R) and their sum, map (N, C)."""

    pools: PooledValues
    hidden: Tensor
    hidden_sum: Tensor
    attention: Tensor


def pool_for_both_gates(
    x: Tensor,
    layout: Layout,
    weights: MLPWeights,
    channel_pools: tuple[str, ...],
    spatial_pools: tuple[str, ...],
) -> tuple[ChannelStage, PooledValues]:
    """Return the channel gate of a map, and the pools (pools, N, P) over channels of the weighted map."""
    if not _takes_whole_images(layout, weights.reduce):
        pooled = pool_map(x, layout, channel_pools, over_positions=True)
        logits, hidden, hidden_sum = mlp_forward(pooled.values, *weights)
        stage = ChannelStage(pooled, hidden, hidden_sum, logits.sigmoid_())
        return stage, pool_map(
            x, layout, spatial_pools, over_positions=False, channel_weights=stage.attention
        )
    pooled, mean, maximum = allocate_pools(x, layout, channel_pools, over_positions=True)
    spatial, spatial_mean, spatial_max = allocate_pools(
        x, layout, spatial_pools, over_positions=False
    )
    width = len(weights.reduce)
    hidden = pooled.values.new_empty((len(channel_pools), layout.images, width))
    stage = ChannelStage(
        pooled, hidden, hidden.new_empty(hidden.shape[1:]), hidden.new_empty(mean.shape)
    )
    call_kernel(
        "cbam_pools", x.dtype, layout.images, *layout.matrix_shape, x, mean, maximum, pooled.argmax,
        len(channel_pools), width, pooled.values, weights.reduce.contiguous(), weights.reduce_bias,
        weights.expand.contiguous(), weights.expand_bias, torch.empty_like(weights.reduce), hidden,
        stage.hidden_sum, stage.attention, spatial_mean, spatial_max, spatial.argmax,
    )  # fmt: skip
    return stage, spatial


def channel_gate_backward(
    g: Tensor,
    x: Tensor,
    layout: Layout,
    stage: ChannelStage,
    channel_pools: tuple[str, ...],
    reduce: Tensor,
    expand: Tensor,
    spatial: GradientTerms,
    attention_grad: Tensor | None,
    *,
    needs_x: bool,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of the map, or None unless `needs_x`, and of the four weights of the MLP.

    `g` is the gradient of the output of CBAM, `spatial` the terms of its spatial gate, and `attention_grad` a
    further gradient of the channel attention map.
    """
    attention, argmax = stage.attention, stage.pools.argmax
    if not _takes_whole_images(layout, reduce):
        weights_grad = dot_maps(g, x, layout, over_positions=True, terms=spatial)
        if attention_grad is not None:
            weights_grad.add_(attention_grad)
        logits_grad = _sigmoid_backward(weights_grad, attention)
        pools_grad, *mlp_grads = mlp_backward(
            logits_grad, stage.pools.values, reduce, expand, stage.hidden, stage.hidden_sum
        )
        if not needs_x:
            return None, *mlp_grads
        shift, peak = split_pool_grads(pools_grad, channel_pools, layout.positions)
        channel = GradientTerms(attention, shift, peak, argmax)
        return weighting_backward(g, layout, channel, spatial), *mlp_grads
    reduce, expand = reduce.contiguous(), expand.contiguous()
    spatial = spatial.contiguous()
    pools_grad = torch.empty_like(stage.pools.values)
    pool_grads = dict(zip(channel_pools, pools_grad.unbind(), strict=True))
    x_grad = torch.empty_like(g) if needs_x else None
    width, channels = reduce.shape
    shapes = ((width, channels), (width,), (channels, width), (channels,))
    mlp_grads = [reduce.new_empty(shape) for shape in shapes]
    call_kernel(
        "cbam_channel_backward", x.dtype, layout.images, *layout.matrix_shape, g, x, *spatial,
        attention, argmax, None if attention_grad is None else attention_grad.contiguous(),
        len(channel_pools), width, stage.pools.values, reduce, expand, stage.hidden,
        stage.hidden_sum, torch.empty_like(reduce), torch.empty_like(stage.hidden),
        torch.empty_like(attention), torch.empty_like(attention), pools_grad, pool_grads.get("avg"),
        pool_grads.get("max"), *mlp_grads, x_grad,
    )  # fmt: skip
    return x_grad, *mlp_grads


def _takes_whole_images(layout: Layout, reduce: Tensor) -> bool:
    """Return True if each thread takes whole images of a channels_last batch, with a small MLP."""
    return (
        layout.channels_last and layout.images >= PARTS_PER_IMAGE and reduce.numel() <= MAX_WEIGHTS
    )
