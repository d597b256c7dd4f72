"""Whole gates on the fast path, given what computes their maps from pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foveal.attention.fast.functions import (
    Joint,
    PoolChannels,
    PoolForJoint,
    PoolPositions,
    PoolWeighed,
    Project,
    Weigh,
)
from foveal.attention.fast.passes import small_dtype

MapOf = Callable[[Tensor], Tensor]
POOLS = {"avg", "max"}  # those that passes take


def weighed_by_channel(gate: nn.Module, x: Tensor, pools: tuple[str, ...], map_of: MapOf) -> Tensor:
    """Weigh x by a map (N, C, 1, 1) of what it is pooled to over positions, (N, pools, C)."""
    mean, greatest, x, own, *_ = apply(PoolPositions, x, "max" in pools)
    with of_small(gate, x) as dtype:
        weights = small(map_of(chosen(pools, mean, greatest, dtype)), x, x.shape[1])
    out: Tensor = apply(Weigh, x, weights, own, None, False)
    return out


def weighed_by_position(
    gate: nn.Module, x: Tensor, pools: tuple[str, ...], map_of: MapOf
) -> Tensor:
    """Weigh x by a map (N, 1, H, W) of what it is pooled to over channels, (N, pools, H, W)."""
    mean, greatest, x, own = apply(PoolChannels, x, "max" in pools)
    with of_small(gate, x) as dtype:
        planes = chosen(pools, mean, greatest, dtype).reshape(len(x), -1, *x.shape[2:])
        weights = small(map_of(planes), x, mean.shape[1])
    out: Tensor = apply(Weigh, x, weights, own, None, True)
    return out


def weighed_in_series(
    gate: nn.Module,
    x: Tensor,
    pools: tuple[str, ...],
    channel: MapOf,
    planes: tuple[str, ...],
    spatial: MapOf,
) -> Tensor:
    """Weigh x by channel, and what that gives by position, without writing it."""
    mean, greatest, x, own, *behind = apply(PoolPositions, x, "max" in pools)
    with of_small(gate, x) as dtype:
        by_channel = small(channel(chosen(pools, mean, greatest, dtype)), x, x.shape[1])
    mean, greatest, x, own = apply(PoolWeighed, x, "max" in planes, by_channel, own, *behind)
    with of_small(gate, x) as dtype:
        pooled = chosen(planes, mean, greatest, dtype).reshape(len(x), -1, *x.shape[2:])
        by_position = small(spatial(pooled), x, mean.shape[1])
    out: Tensor = apply(Weigh, x, by_position, own, by_channel.detach(), True)
    return out


def weighed_jointly(
    gate: nn.Module,
    x: Tensor,
    pools: tuple[str, ...],
    channel: MapOf,
    reduce: nn.Conv2d,
    spatial: MapOf,
    *,
    product: bool,
    tap: MapOf | None,
) -> Tensor:
    """Return x + x sigma(channel + spatial), or of their product.

    `channel` gives logits (N, C, 1, 1) of pools, `spatial` gives logits (N, 1, H, W) of `reduce(x)`. The map
    is computed only for a `tap`, which may return another in its place.
    """
    weight = reduce.weight.flatten(1)
    mean, greatest, x, *of_joint, of_reduced, of_weight = apply(
        PoolForJoint, x, "max" in pools, len(weight)
    )
    with of_small(gate, x) as dtype:
        of_pools = channel(chosen(pools, mean, greatest, dtype))
        reduced = apply(Project, x, weight, reduce.bias, of_reduced, of_weight)
        of_planes = spatial(reduced.unflatten(2, x.shape[2:]))
    if tap is not None:
        map_ = (of_pools * of_planes if product else of_pools + of_planes).sigmoid()
        tapped = tap(map_)
        if tapped is not map_:
            return torch.addcmul(x, x, tapped.to(x.dtype))
    by_channel = small(of_pools, x, x.shape[1])
    by_position = small(of_planes, x, x.shape[2] * x.shape[3])
    out: Tensor = apply(Joint, x, by_channel, by_position, product, *of_joint)
    return out


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Call a function of autograd; torch gives its `apply` no type."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


@contextmanager
def of_small(gate: nn.Module, x: Tensor) -> Iterator[torch.dtype]:
    """Give the dtype of what a gate computes from pools of a map: that of sums under autocast, else its own.

    Of so few values autocast would make more casts than it saves, and the passes take float32 anyway. A gate
    whose weights are of another dtype needs its casts.
    """
    dtype = small_dtype(x)
    if not torch.is_autocast_enabled("cpu") or any(w.dtype != dtype for w in gate.parameters()):
        yield x.dtype
        return
    with torch.autocast("cpu", enabled=False):
        yield dtype


def chosen(
    names: tuple[str, ...], mean: Tensor, greatest: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """Return the pools in the order of their names, (N, pools, ...)."""
    pools = {"avg": mean, "max": greatest}
    return torch.stack([pool for name in names if (pool := pools[name]) is not None], 1).to(dtype)


def small(weights: Tensor, x: Tensor, size: int) -> Tensor:
    """Return weights as passes take them, (N, size)."""
    return weights.to(small_dtype(x)).flatten(1).expand(x.shape[0], size).contiguous()
