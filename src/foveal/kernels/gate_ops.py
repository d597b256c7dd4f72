"""Whole gates on the fast path, given what computes their maps from pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foveal.kernels.autograd import (
    Joint,
    PoolChannels,
    PoolForJoint,
    PoolPositions,
    Project,
    Weigh,
)
from foveal.kernels.bindings import small_dtype

MapOf = Callable[[Tensor], Tensor]


def passes_take(pools: tuple[str, ...]) -> bool:
    """Say whether there are passes for these pools."""
    return {"avg", "max"}.issuperset(pools) and len(set(pools)) == len(pools)


def weighed_by_channel(gate: nn.Module, x: Tensor, pools: tuple[str, ...], map_of: MapOf) -> Tensor:
    """Weigh x by a map (N, C, 1, 1) of what it is pooled to over positions, (N, pools, C)."""
    with of_small(gate, x) as dtype:
        pooled, x, own = apply(PoolPositions, x, pools)
        weights = small(map_of(by_image(pooled, dtype)), x, x.shape[1])
        out: Tensor = apply(Weigh, x, weights, own, False)
    return out


def weighed_by_position(
    gate: nn.Module, x: Tensor, pools: tuple[str, ...], map_of: MapOf
) -> Tensor:
    """Weigh x by a map (N, 1, H, W) of what it is pooled to over channels, (N, pools, H, W)."""
    with of_small(gate, x) as dtype:
        pooled, x, own = apply(PoolChannels, x, pools)
        planes = by_image(pooled, dtype).view(len(x), -1, *x.shape[2:])
        weights = small(map_of(planes), x, pooled.shape[2])
        out: Tensor = apply(Weigh, x, weights, own, True)
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
    with of_small(gate, x) as dtype:
        pooled, x, *of_joint, of_reduced, of_weight = apply(PoolForJoint, x, pools, len(weight))
        of_pools = channel(by_image(pooled, dtype))
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


def by_image(pooled: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what was pooled, (pools, N, ...), as gates take it, (N, pools, ...), without moving it."""
    return pooled.to(dtype).transpose(0, 1)


def small(weights: Tensor, x: Tensor, size: int) -> Tensor:
    """Return weights as passes take them, (N, size)."""
    return weights.to(small_dtype(x)).flatten(1).expand(x.shape[0], size).contiguous()
