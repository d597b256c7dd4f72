"""CBAM's two gates as one function of the map, where they are what that function knows."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from foveal.attention.channel import ChannelAttention
from foveal.attention.convolution import PlaneConv2d
from foveal.attention.fast.passes import small_dtype
from foveal.attention.fast.series import Norm, Settings, WeighInSeries
from foveal.attention.fast.switch import has_address, has_hooks, takes_fast_path
from foveal.attention.fast.weighing import passes_take
from foveal.attention.norms import Norm2d
from foveal.attention.spatial import SpatialAttention

KINDS = (nn.Linear, nn.Linear, PlaneConv2d, Norm2d)  # of `layers_of`; no child of them


def runs_in_series(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> bool:
    """Say whether `weighed_in_series` knows the gates, and nobody hangs on them or what is within."""
    layers = layers_of(channel, spatial)
    return (
        channel.gate == spatial.gate == "sigmoid"
        and passes_take(channel.pools)
        and passes_take(spatial.pools)
        and all(type(layer) is kind for layer, kind in zip(layers, KINDS, strict=False))
        and takes_fast_path(x, channel, spatial, *layers)
        and x.shape[1] == channel.reduce.in_features
        and all(has_address(value, x) for value in weights_of(layers) if value is not None)
        and (isinstance(spatial.norm, nn.Identity) or knows(spatial.norm, x))
    )


def knows(norm: nn.Module, x: Tensor) -> bool:
    """Say whether there are passes for a norm of a plane of `x`."""
    mean, variance = norm.running_mean, norm.running_var
    if not isinstance(mean, Tensor) or not isinstance(variance, Tensor) or norm.momentum is None:
        return False
    kept = mean.dtype == variance.dtype == small_dtype(x) or not norm.training
    return kept and has_address(mean, x) and has_address(variance, x)


def weighed_in_series(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> Tensor:
    """Return Ms(F') (x) F' with F' = Mc(F) (x) F, (N, C, H, W)."""
    dtype = small_dtype(x)
    norm = settled(spatial.norm, x) if isinstance(spatial.norm, Norm2d) else None
    settings = Settings(channel.pools, spatial.pools, spatial.conv.dilation[0], norm)
    weights = weights_of(layers_of(channel, spatial))
    small = (None if weight is None else weight.to(dtype) for weight in weights)
    out: Tensor
    out, by_channel, by_position = WeighInSeries.apply(x, settings, *small)  # type: ignore[no-untyped-call]
    if has_hooks(channel.tap) or has_hooks(spatial.tap):
        return tapped(channel, spatial, x, out, by_channel, by_position)
    return out


def tapped(
    channel: ChannelAttention, spatial: SpatialAttention, x: Tensor, out: Tensor, by_channel: Tensor,
    by_position: Tensor,
) -> Tensor:  # fmt: skip
    """Show both maps to those who wait for them; where one comes back as another, weigh by that."""
    of_channels = by_channel[:, :, None, None]
    weighing = channel.tap(of_channels)
    if weighing is not of_channels:
        other: Tensor = spatial(x * weighing.to(x.dtype))
        return other
    of_positions = by_position.view(len(x), 1, *x.shape[2:])
    weighing = spatial.tap(of_positions)
    if weighing is not of_positions:
        weighed: Tensor = x * of_channels.to(x.dtype) * weighing.to(x.dtype)
        return weighed
    return out


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


def layers_of(channel: ChannelAttention, spatial: SpatialAttention) -> tuple[nn.Module, ...]:
    """Return the layers with weights, in the order of computation; a norm that is none is left out."""
    layers = (channel.reduce, channel.expand, spatial.conv)
    return layers if isinstance(spatial.norm, nn.Identity) else (*layers, spatial.norm)


def weights_of(layers: tuple[nn.Module, ...]) -> list[Tensor | None]:
    """Return weight and bias of each of the four layers, None where there is none."""
    found: list[Any] = [value for layer in layers for value in (layer.weight, layer.bias)]
    return found + [None] * (2 * len(KINDS) - len(found))
