"""CBAM's two gates as one function of the map, where they are what that function knows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from foveal.attention.batch_norm import Norm2d
from foveal.attention.channel import ChannelAttention
from foveal.attention.small_conv import PlaneConv2d
from foveal.attention.spatial import SpatialAttention
from foveal.kernels.bindings import small_dtype
from foveal.kernels.dispatch import has_address, takes_fast_path
from foveal.kernels.fused_cbam import Norm, Settings, WeighInSeries
from foveal.kernels.gate_ops import passes_take

KINDS = (nn.Linear, nn.Linear, PlaneConv2d, Norm2d)  # of `layers_of`; nothing derived from them


def runs_in_series(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> bool:
    """Say whether `weighed_in_series` knows the gates, and nobody hangs on them or what is within."""
    if not (type(channel) is ChannelAttention and type(spatial) is SpatialAttention):
        return False
    layers = layers_of(channel, spatial)
    return (
        channel.gate == spatial.gate == "sigmoid"
        and passes_take(channel.pools)
        and passes_take(spatial.pools)
        and all(type(layer) is kind for layer, kind in zip(layers, KINDS, strict=False))
        and takes_fast_path(x, channel, spatial, spatial.norm, *layers)
        and can_be_shown(channel.tap)
        and can_be_shown(spatial.tap)
        and all(is_known(value, x) for value in weights_of(layers) if value is not None)
        and fit(channel, spatial, x)
        and (type(spatial.norm) is nn.Identity or knows(spatial.norm, x))
    )


def can_be_shown(tap: nn.Module) -> bool:
    """Say whether a tap only shows what comes out of it: it has no hooks but those that see that."""
    others = tap._forward_pre_hooks or tap._backward_hooks or tap._backward_pre_hooks
    return type(tap) is nn.Identity and not others and "forward" not in vars(tap)


def is_known(value: Tensor, x: Tensor) -> bool:
    """Say whether passes over `x` may read a weight, and torch would take it beside `x`."""
    return has_address(value, x) and (value.dtype == x.dtype or torch.is_autocast_enabled("cpu"))


def fit(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> bool:
    """Say whether weights have the shapes that `x` asks for; where not, torch says what is wrong."""
    width, channels = channel.reduce.weight.shape
    layers = layers_of(channel, spatial)
    return (
        channels == x.shape[1]
        and channel.expand.weight.shape == (channels, width)
        and spatial.conv.weight.shape[:2] == (1, len(spatial.pools))
        and all(layer.bias is None or len(layer.bias) == len(layer.weight) for layer in layers)
    )


def knows(norm: Any, x: Tensor) -> bool:
    """Say whether there are passes for a norm of a plane of `x`."""
    values = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        norm.num_features == 1
        and norm.momentum is not None
        and bool(norm.track_running_stats)
        and all(isinstance(value, Tensor) and has_address(value, x) for value in values)
        and bool(not norm.training or norm.running_mean.dtype == small_dtype(x))
    )


def weighed_in_series(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> Tensor:
    """Return Ms(F') (x) F' with F' = Mc(F) (x) F, (N, C, H, W)."""
    dtype = small_dtype(x)
    weights = weights_of(layers_of(channel, spatial))
    small = [None if weight is None else weight.to(dtype) for weight in weights]
    shown = bool(channel.tap._forward_hooks or spatial.tap._forward_hooks)
    before = [buffer.clone() for buffer in spatial.norm.buffers()] if shown else []
    norm = settled(spatial.norm, x) if isinstance(spatial.norm, Norm2d) else None
    settings = Settings(channel.pools, spatial.pools, spatial.conv.dilation[0], norm)
    out: Tensor
    out, by_channel, by_position = WeighInSeries.apply(x, settings, *small)  # type: ignore[no-untyped-call]
    if not shown:
        return out
    weighing = seen_by(channel.tap, by_channel[:, :, None, None])
    if weighing is not None:
        with torch.no_grad():  # the norm is to learn of one map, and that is another one
            for buffer, value in zip(spatial.norm.buffers(), before, strict=True):
                buffer.copy_(value)
        other: Tensor = spatial(x * weighing.to(x.dtype))
        return other
    weighing = seen_by(spatial.tap, by_position.view(len(x), 1, *x.shape[2:]))
    if weighing is not None:
        out = x * by_channel[:, :, None, None].to(x.dtype) * weighing.to(x.dtype)
    return out


def seen_by(tap: nn.Module, map_: Tensor) -> Tensor | None:
    """Show a map to those who wait for it; return what comes back, None where that is the same."""
    before = map_.detach().clone()
    back: Tensor = tap(map_)
    return None if back is map_ and torch.equal(back, before) else back


def settled(norm: Norm2d, x: Tensor) -> Norm:
    """Return what a norm does with a plane of `x`, and count the batch where it learns of it."""
    fixed = not norm.training or x.numel() == x.shape[1]  # one value has no variance
    mean, variance, momentum = norm.running_mean, norm.running_var, norm.momentum
    assert mean is not None
    assert variance is not None
    assert momentum is not None
    if not fixed and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    dtype = small_dtype(x)
    return Norm(mean.to(dtype), variance.to(dtype), momentum, norm.eps, fixed)


def layers_of(channel: ChannelAttention, spatial: SpatialAttention) -> tuple[Any, ...]:
    """Return the layers with weights, in the order of computation; a norm that is none is left out."""
    layers = (channel.reduce, channel.expand, spatial.conv)
    return layers if type(spatial.norm) is nn.Identity else (*layers, spatial.norm)


def weights_of(layers: tuple[Any, ...]) -> list[Tensor | None]:
    """Return weight and bias of each of the four layers, None where there is none."""
    found: list[Any] = [value for layer in layers for value in (layer.weight, layer.bias)]
    return found + [None] * (2 * len(KINDS) - len(found))
