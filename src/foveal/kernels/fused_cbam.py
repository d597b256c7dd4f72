"""Fused CBAM: channel and spatial attention as one autograd function of the map and the weights.

Many small operations run between the kernels over the map. For a small map, the overhead of autograd and of
module calls for them would be as large as the kernels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from foveal.kernels.autograd import MaybeTensor, run_autograd_function, split_pool_grads
from foveal.kernels.cbam_stages import (
    ChannelStage,
    MLPWeights,
    channel_gate_backward,
    pool_for_both_gates,
)
from foveal.kernels.channel_mlp import compute_mlp_plainly
from foveal.kernels.dispatch import has_readable_statistics, is_kernel_readable
from foveal.kernels.gate_ops import supports_pools
from foveal.kernels.layout import get_accumulator_dtype, match_layout, require_layout
from foveal.kernels.map_kernels import (
    GradientTerms,
    PooledValues,
    dot_maps,
    scale_map,
)
from foveal.kernels.plain_backward import differentiate, with_plain_backward
from foveal.kernels.small_batch_norm import (
    batch_norm_backward,
    batch_norm_forward,
    normalize_plainly,
)
from foveal.kernels.small_conv import conv_backward, conv_forward, convolve_plainly

_sigmoid_backward = torch.ops.aten.sigmoid_backward


class CBAMConfig(NamedTuple):
    """Options of a CBAM: pools and activation of each gate, and the dilation of the spatial convolution."""

    channel_pools: tuple[str, ...]
    channel_activation: str
    spatial_pools: tuple[str, ...]
    spatial_activation: str
    dilation: int


class CBAMWeights(NamedTuple):
    """Weights of a CBAM in the order of computation, None for a missing bias or norm.

    Shapes: (R, C), (R,), (C, R), (C,), (1, pools, K, K), (1,), (1,), (1,).
    """

    reduce: Tensor
    reduce_bias: Tensor | None
    expand: Tensor
    expand_bias: Tensor | None
    kernel: Tensor
    kernel_bias: Tensor | None
    norm_weight: Tensor | None
    norm_bias: Tensor | None


class _NormState(NamedTuple):
    """Running statistics and options of a batch norm; it normalizes by the running statistics if `is_fixed`."""

    mean: Tensor
    variance: Tensor
    momentum: float
    eps: float
    is_fixed: bool


def supports_fused_cbam(
    x: Tensor,
    config: CBAMConfig,
    weights: CBAMWeights,
    norm: _BatchNorm | None,
    skipped_modules: Iterable[nn.Module],
) -> bool:
    """Return True if `apply_fused_cbam` supports the map, options, weights and norm.

    `skipped_modules` are the modules that are not called, so they must have no hooks.
    """
    return (
        config.channel_activation == config.spatial_activation == "sigmoid"
        and supports_pools(
            x, config.channel_pools, config.spatial_pools, skipped_modules=skipped_modules
        )
        and all(_supports_weight(weight, x) for weight in weights if weight is not None)
        and _has_matching_shapes(x, config, weights)
        and (norm is None or _supports_spatial_norm(norm, x))
    )


def _supports_weight(weight: Tensor, x: Tensor) -> bool:
    """Return True if kernels over `x` may read a weight and PyTorch would accept it together with `x`."""
    return is_kernel_readable(weight, x) and (
        weight.dtype == x.dtype or torch.is_autocast_enabled("cpu")
    )


def _has_matching_shapes(x: Tensor, config: CBAMConfig, weights: CBAMWeights) -> bool:
    """Return True if the weights match `x`. If not, plain operations raise PyTorch's usual error."""
    width, channels = weights.reduce.shape
    layers = zip(weights[::2], weights[1::2], strict=True)
    return (
        channels == x.shape[1]
        and weights.expand.shape == (channels, width)
        and weights.kernel.shape[:2] == (1, len(config.spatial_pools))
        and all(
            weight is None or bias is None or len(bias) == len(weight) for weight, bias in layers
        )
    )


def _supports_spatial_norm(norm: _BatchNorm, x: Tensor) -> bool:
    """Return True if kernels support the batch norm of the single-channel spatial logits of `x`."""
    return (
        norm.num_features == 1
        and has_readable_statistics(norm, x)
        and (
            not norm.training
            or (
                norm.running_mean is not None
                and norm.running_mean.dtype == get_accumulator_dtype(x)
            )
        )
    )


def apply_fused_cbam(
    x: Tensor, config: CBAMConfig, weights: CBAMWeights, norm: _BatchNorm | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weighted map, the channel attention (N, C) and the spatial attention (N, P).

    In training this updates the running statistics of `norm`.
    """
    dtype = get_accumulator_dtype(x)
    cast_weights = [None if weight is None else weight.to(dtype) for weight in weights]
    state = None if norm is None else _get_batch_norm_state(norm, x)
    out: tuple[Tensor, Tensor, Tensor] = run_autograd_function(
        FusedCBAM, x, config, state, *cast_weights
    )
    return out


def _get_batch_norm_state(norm: _BatchNorm, x: Tensor) -> _NormState:
    """Return the state of a norm for the spatial logits of `x`; in training, count the batch."""
    is_fixed = not norm.training or x.numel() == x.shape[1]  # one value has no variance
    mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
    assert mean is not None
    assert variance is not None
    assert momentum is not None
    if not is_fixed and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    dtype = get_accumulator_dtype(x)
    return _NormState(mean.to(dtype), variance.to(dtype), momentum, norm.eps, is_fixed)


def _plain_backward(ctx: Any, *grads: MaybeTensor) -> tuple[MaybeTensor, ...]:
    """Compute `FusedCBAM.backward` by plain operations."""
    config, norm, inputs = ctx.config, ctx.norm, ctx.saved_tensors[:9]
    (_, _, _, channel_argmax, spatial_argmax, _, _, _, _, *statistics) = ctx.saved_tensors[9:]

    def compute(x: Tensor, *values: Any) -> tuple[Tensor, Tensor, Tensor]:
        weights = CBAMWeights(*values)
        flat_x = x.flatten(2).to(weights.kernel.dtype)
        pooled = _pool_plainly(flat_x, 2, config.channel_pools, channel_argmax)
        channel = compute_mlp_plainly(pooled, *weights[:4]).sigmoid()
        weighted_x = flat_x * channel[:, :, None]
        pooled = _pool_plainly(weighted_x, 1, config.spatial_pools, spatial_argmax)
        pooled_maps = pooled.transpose(0, 1).reshape(len(x), -1, *x.shape[2:])
        conv_out = convolve_plainly(
            pooled_maps, weights.kernel, weights.kernel_bias, config.dilation
        )
        logits = _normalize_plainly(norm, conv_out, weights, *statistics)
        spatial = logits.sigmoid().flatten(1)
        out = (weighted_x * spatial[:, None]).reshape(x.shape).to(x.dtype)
        return out, channel, spatial

    x_grad, *weight_grads = differentiate(compute, inputs, grads)
    return x_grad, None, None, *weight_grads


def _pool_plainly(flat_x: Tensor, dim: int, pools: tuple[str, ...], argmax: MaybeTensor) -> Tensor:
    """Return pools of a flat map (N, C, P) over a dimension, (pools, N, ...), with the maximum at `argmax`."""
    pooled = {"avg": flat_x.mean(dim)} if "avg" in pools else {}
    if argmax is not None:
        pooled["max"] = flat_x.gather(dim, argmax.long().unsqueeze(dim)).squeeze(dim)
    return torch.stack([pooled[name] for name in pools])


def _normalize_plainly(
    norm: _NormState | None, x: Tensor, weights: CBAMWeights, *statistics: Tensor
) -> Tensor:
    """Return the map of `_optional_norm_forward`; `statistics` are the other tensors that it returned."""
    if norm is None or weights.norm_weight is None or weights.norm_bias is None:
        return x
    if not norm.is_fixed:
        return normalize_plainly(x, weights.norm_weight, weights.norm_bias, norm.eps)
    mean, inverse_std = statistics
    return (x - mean) * (inverse_std * weights.norm_weight) + weights.norm_bias


class FusedCBAM(torch.autograd.Function):
    """A map weighted per channel and then per position, without writing the map between the two."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, config: CBAMConfig, norm: _NormState | None, reduce: Tensor,
        reduce_bias: MaybeTensor, expand: Tensor, expand_bias: MaybeTensor, kernel: Tensor,
        kernel_bias: MaybeTensor, norm_weight: MaybeTensor, norm_bias: MaybeTensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return the weighted map, and both maps that it is weighted by, (N, C) and (N, P)."""
        layout = require_layout(x)
        mlp = MLPWeights(reduce, reduce_bias, expand, expand_bias)
        stage, spatial_pools = pool_for_both_gates(
            x, layout, mlp, config.channel_pools, config.spatial_pools
        )
        channel = stage.attention
        pooled_maps = spatial_pools.values.transpose(0, 1).view(len(x), -1, *x.shape[2:])
        conv_out, padded_maps = conv_forward(pooled_maps, kernel, kernel_bias, config.dilation)
        logits, *statistics = _optional_norm_forward(norm, conv_out, norm_weight, norm_bias)
        spatial = logits.sigmoid().flatten(1)
        ctx.layout, ctx.config, ctx.norm = layout, config, norm
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(
            x, reduce, reduce_bias, expand, expand_bias, kernel, kernel_bias, norm_weight, norm_bias,
            channel, spatial, *stage.pools, spatial_pools.argmax, padded_maps, conv_out, stage.hidden,
            stage.hidden_sum, *statistics,
        )  # fmt: skip
        return scale_map(x, layout, channel, spatial), channel, spatial

    @staticmethod
    @with_plain_backward(_plain_backward)
    def backward(
        ctx: Any, g: MaybeTensor, channel_grad: MaybeTensor, spatial_grad: MaybeTensor
    ) -> tuple[MaybeTensor, ...]:
        """Return the gradients of the map and all weights: first through the spatial gate, then the other."""
        (
            x, reduce, _, expand, _, kernel, _, norm_weight, _, channel, spatial, channel_pooled,
            channel_argmax, spatial_argmax, padded_maps, conv_out, hidden, hidden_sum, *statistics,
        ) = ctx.saved_tensors  # fmt: skip
        layout, config, (images, _, height, width) = ctx.layout, ctx.config, x.shape
        g = match_layout(torch.zeros_like(x) if g is None else g, x.dtype, layout)

        # Spatial gate: through the sigmoid, the norm, the convolution and the pools over channels.
        terms = GradientTerms(channel)
        of_spatial = _add_optional_grad(
            dot_maps(g, x, layout, over_positions=False, terms=terms), spatial_grad
        )
        logits_grad = _sigmoid_backward(of_spatial, spatial).view(images, 1, height, width)
        conv_out_grad, *norm_grads = _optional_norm_backward(
            ctx.norm, logits_grad, conv_out, norm_weight, *statistics
        )
        pools_grad = conv_out.new_empty((len(config.spatial_pools), images, height, width))
        pooled_maps_grad = pools_grad.transpose(0, 1)
        kernel_grad = conv_backward(
            conv_out_grad,
            padded_maps,
            kernel,
            config.dilation,
            pooled_maps_grad.shape,
            pooled_maps_grad,
        )
        kernel_bias_grad = _sum_single_channel(conv_out_grad) if ctx.needs_input_grad[8] else None
        shift_and_peak = split_pool_grads(
            pools_grad.flatten(2), config.spatial_pools, layout.channels
        )
        spatial_terms = GradientTerms(spatial, *shift_and_peak, spatial_argmax)

        # Channel gate: through the sigmoid, the MLP and the pools over positions.
        pools = PooledValues(channel_pooled, channel_argmax)
        x_grad, *mlp_grads = channel_gate_backward(
            g, x, layout, ChannelStage(pools, hidden, hidden_sum, channel), config.channel_pools,
            reduce, expand, spatial_terms, channel_grad, needs_x=ctx.needs_input_grad[0],
        )  # fmt: skip
        grads = [
            x_grad, None, None, *mlp_grads, kernel_grad, kernel_bias_grad, *norm_grads,
        ]  # fmt: skip
        pairs = zip(grads, ctx.needs_input_grad, strict=True)
        return tuple(grad if is_needed else None for grad, is_needed in pairs)


def _add_optional_grad(grad: Tensor, other: MaybeTensor) -> Tensor:
    """Add another gradient to the first in place, unless it is None."""
    return grad if other is None else grad.add_(other)


def _optional_norm_forward(
    norm: _NormState | None, x: Tensor, weight: MaybeTensor, bias: MaybeTensor
) -> tuple[Tensor, *tuple[Tensor, ...]]:
    """Return the normalized map (N, 1, H, W), mean and inverse deviation, or only the map without a norm."""
    if norm is None or weight is None or bias is None:
        return (x,)
    if not norm.is_fixed:
        return batch_norm_forward(
            x, weight, bias, norm.mean, norm.variance, norm.momentum, norm.eps
        )
    mean, inverse_std = norm.mean.clone(), (norm.variance + norm.eps).rsqrt()
    return (x - mean) * (inverse_std * weight) + bias, mean, inverse_std


def _optional_norm_backward(
    norm: _NormState | None, g: Tensor, x: Tensor, weight: MaybeTensor, *statistics: Tensor
) -> tuple[Tensor, MaybeTensor, MaybeTensor]:
    """Return the gradients of map, weight and bias."""
    if norm is None or weight is None:
        return g, None, None
    mean, inverse_std = statistics
    if not norm.is_fixed:
        return batch_norm_backward(g, x, weight, mean, inverse_std)
    weight_grad = _sum_single_channel((x - mean) * inverse_std * g)
    return g * (inverse_std * weight), weight_grad, _sum_single_channel(g)


def _sum_single_channel(g: Tensor) -> Tensor:
    """Return the sum of a map (N, 1, H, W), first per image.

    The order of a single long sum in PyTorch depends on the number of threads.
    """
    return g.flatten(1).sum(1).sum(0, keepdim=True)
