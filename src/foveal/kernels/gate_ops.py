"""Gates computed by native kernels, except for the small operations that turn pools into attention maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from foveal.kernels.autograd import (
    BAMCombine,
    BAMPool,
    BAMProjection,
    PoolMap,
    WeightMap,
    run_autograd_function,
)
from foveal.kernels.dispatch import has_hooks, supports_map
from foveal.kernels.layout import get_accumulator_dtype

_NATIVE_POOLS = {"avg", "max"}

_MapFunction = Callable[[Tensor], Tensor]


def supports_pools(
    x: Tensor, *pool_names: tuple[str, ...], skipped_modules: Iterable[nn.Module] = ()
) -> bool:
    """Return True if kernels support the map `x` and all of the pools, given as one or more tuples of names."""
    return supports_map(x, skipped_modules=skipped_modules) and all(
        map(_has_pool_kernels, pool_names)
    )


def supports_bam(x: Tensor, pools: tuple[str, ...], reduce: nn.Conv2d) -> bool:
    """Return True if `apply_bam` supports the map, its pools and the 1x1 convolution, which is not called."""
    return supports_map(x, skipped_modules=(reduce,)) and _has_pool_kernels(pools)


def _has_pool_kernels(pools: tuple[str, ...]) -> bool:
    """Return True if there are kernels for these pools."""
    return _NATIVE_POOLS.issuperset(pools) and len(set(pools)) == len(pools)


def apply_channel_attention(
    gate: nn.Module, x: Tensor, pools: tuple[str, ...], compute_map: _MapFunction
) -> Tensor:
    """Return x times an attention map (N, C, 1, 1), computed from pools over positions (N, pools, C)."""
    with _disable_autocast_for_small_ops(gate, x) as dtype:
        pooled, pooled_x, weights_carrier = run_autograd_function(PoolMap, x, pools, True)
        weights = _to_kernel_weights(compute_map(_move_batch_first(pooled, dtype)), x, x.shape[1])
        out: Tensor = run_autograd_function(WeightMap, x, pooled_x, weights, weights_carrier, False)
    return out


def apply_spatial_attention(
    gate: nn.Module, x: Tensor, pools: tuple[str, ...], compute_map: _MapFunction
) -> Tensor:
    """Return x times an attention map (N, 1, H, W), computed from pools over channels (N, pools, H, W)."""
    with _disable_autocast_for_small_ops(gate, x) as dtype:
        pooled, pooled_x, weights_carrier = run_autograd_function(PoolMap, x, pools, False)
        pooled_maps = _move_batch_first(pooled, dtype).view(len(x), -1, *x.shape[2:])
        weights = _to_kernel_weights(compute_map(pooled_maps), x, pooled.shape[2])
        out: Tensor = run_autograd_function(WeightMap, x, pooled_x, weights, weights_carrier, True)
    return out


def apply_bam(
    gate: nn.Module,
    x: Tensor,
    pools: tuple[str, ...],
    channel_branch: _MapFunction,
    reduce: nn.Conv2d,
    spatial_branch: _MapFunction,
    *,
    product: bool,
    map_probe: nn.Module,
) -> Tensor:
    """Return x + x sigmoid(channel + spatial), or of the product of both logits.

    `channel_branch` computes logits (N, C, 1, 1) from the pools, `spatial_branch` logits (N, 1, H, W) from
    `reduce(x)`. The attention map is computed only if `map_probe` has hooks, which may return another map in
    its place.
    """
    weight = reduce.weight.flatten(1)
    with _disable_autocast_for_small_ops(gate, x) as dtype:
        pooled, pooled_x, *carriers, reduced_carrier, weight_carrier = run_autograd_function(
            BAMPool, x, pools, len(weight)
        )
        channel = channel_branch(_move_batch_first(pooled, dtype))
        reduced_map = run_autograd_function(
            BAMProjection, x, weight, reduce.bias, reduced_carrier, weight_carrier
        )
        spatial = spatial_branch(reduced_map.unflatten(2, x.shape[2:]))
    if has_hooks(map_probe):
        attention_map = (channel * spatial if product else channel + spatial).sigmoid()
        new_map = map_probe(attention_map)
        if new_map is not attention_map:
            return torch.addcmul(pooled_x, pooled_x, new_map.to(x.dtype))
    per_channel = _to_kernel_weights(channel, x, x.shape[1])
    per_position = _to_kernel_weights(spatial, x, x.shape[2] * x.shape[3])
    out: Tensor = run_autograd_function(
        BAMCombine, x, pooled_x, per_channel, per_position, product, *carriers
    )
    return out


@contextmanager
def _disable_autocast_for_small_ops(gate: nn.Module, x: Tensor) -> Iterator[torch.dtype]:
    """Yield the dtype for the gate's small operations on pools: without autocast, the dtype of `x`.

    Under autocast they run in the accumulator dtype: for so few values autocast makes more casts than it
    saves, and the kernels take float32 anyway. A gate whose weights have another dtype keeps autocast, since
    it needs the casts.
    """
    dtype = get_accumulator_dtype(x)
    if not torch.is_autocast_enabled("cpu") or any(w.dtype != dtype for w in gate.parameters()):
        yield x.dtype
        return
    with torch.autocast("cpu", enabled=False):
        yield dtype


def _move_batch_first(pooled: Tensor, dtype: torch.dtype) -> Tensor:
    """Return pools (pools, N, ...) as a view (N, pools, ...), cast to `dtype`."""
    return pooled.to(dtype).transpose(0, 1)


def _to_kernel_weights(weights: Tensor, x: Tensor, size: int) -> Tensor:
    """Return weights as the kernels take them: contiguous (N, size) in the accumulator dtype."""
    return weights.to(get_accumulator_dtype(x)).flatten(1).expand(x.shape[0], size).contiguous()
