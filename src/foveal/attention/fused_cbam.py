"""Fused CBAM: channel and spatial attention as one autograd function, for supported configurations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.attention.channel import ChannelAttention
from foveal.attention.small_conv import SmallConv2d
from foveal.attention.spatial import SpatialAttention
from foveal.kernels import CBAMConfig, CBAMWeights, apply_fused_cbam, supports_fused_cbam


def can_fuse(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> bool:
    """Return True if the fused kernel supports both gates and no module inside them has hooks.

    Forward hooks of the two map probes are the exception: `run_fused_cbam` calls these modules.
    """
    return (
        _has_exact_types(channel, spatial)
        and supports_fused_cbam(
            x, _get_cbam_config(channel, spatial), _get_cbam_weights(channel, spatial), _get_norm(spatial),
            skipped_modules=(
                channel, spatial, channel.reduce, channel.expand, spatial.conv, spatial.norm,
            ),
        )
        and _has_only_forward_hooks(channel.map_probe)
        and _has_only_forward_hooks(spatial.map_probe)
    )  # fmt: skip


def _has_exact_types(channel: ChannelAttention, spatial: SpatialAttention) -> bool:
    """Return True if both gates and their layers have the expected types; a subclass may differ."""
    return (
        type(channel) is ChannelAttention
        and type(spatial) is SpatialAttention
        and type(channel.reduce) is type(channel.expand) is nn.Linear
        and type(spatial.conv) is SmallConv2d
        and type(spatial.norm) in (nn.Identity, SingleValueBatchNorm2d)
    )


def _has_only_forward_hooks(map_probe: nn.Module) -> bool:
    """Return True if a map probe is unchanged and has only forward hooks, which see its output."""
    other_hooks = (
        map_probe._forward_pre_hooks or map_probe._backward_hooks or map_probe._backward_pre_hooks
    )
    return type(map_probe) is nn.Identity and not other_hooks and "forward" not in vars(map_probe)


def run_fused_cbam(channel: ChannelAttention, spatial: SpatialAttention, x: Tensor) -> Tensor:
    """Return Ms(F') (x) F' with F' = Mc(F) (x) F, (N, C, H, W).

    Hooks of the map probes see both attention maps; a map that a hook returns or changes replaces the original.
    """
    is_probed = bool(channel.map_probe._forward_hooks or spatial.map_probe._forward_hooks)
    buffers = [buffer.clone() for buffer in spatial.norm.buffers()] if is_probed else []
    config, weights = _get_cbam_config(channel, spatial), _get_cbam_weights(channel, spatial)
    out, channel_map, spatial_map = apply_fused_cbam(x, config, weights, _get_norm(spatial))
    if not is_probed:
        return out
    replacement = _run_map_probe(channel.map_probe, channel_map[:, :, None, None])
    if replacement is not None:
        # Undo the update of the norm: running statistics must see only the replaced map.
        with torch.no_grad():
            for buffer, value in zip(spatial.norm.buffers(), buffers, strict=True):
                buffer.copy_(value)
        replaced_out: Tensor = spatial(x * replacement.to(x.dtype))
        return replaced_out
    replacement = _run_map_probe(spatial.map_probe, spatial_map.view(len(x), 1, *x.shape[2:]))
    if replacement is not None:
        out = x * channel_map[:, :, None, None].to(x.dtype) * replacement.to(x.dtype)
    return out


def _run_map_probe(map_probe: nn.Module, attention_map: Tensor) -> Tensor | None:
    """Pass an attention map through a map probe; return the replacement, or None if the map is unchanged."""
    before = attention_map.detach().clone()
    probed: Tensor = map_probe(attention_map)
    return None if probed is attention_map and torch.equal(probed, before) else probed


def _get_cbam_config(channel: ChannelAttention, spatial: SpatialAttention) -> CBAMConfig:
    """Return the options of both gates."""
    return CBAMConfig(
        channel.pools, channel.gate, spatial.pools, spatial.gate, spatial.conv.dilation[0]
    )


def _get_cbam_weights(channel: ChannelAttention, spatial: SpatialAttention) -> CBAMWeights:
    """Return the weights of both gates, None for a missing bias or norm."""
    norm: Any = _get_norm(spatial)
    return CBAMWeights(
        channel.reduce.weight,
        channel.reduce.bias,
        channel.expand.weight,
        channel.expand.bias,
        spatial.conv.weight,
        spatial.conv.bias,
        None if norm is None else norm.weight,
        None if norm is None else norm.bias,
    )


def _get_norm(spatial: SpatialAttention) -> SingleValueBatchNorm2d | None:
    """Return the batch norm of a spatial gate, or None if it has none."""
    return spatial.norm if isinstance(spatial.norm, SingleValueBatchNorm2d) else None
