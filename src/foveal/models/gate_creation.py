"""Creation of the gate of a site."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from foveal.attention import create, get_entry
from foveal.attention.gate_before_activation import GateBeforeActivation
from foveal.attention.identity_start import IdentityStart
from foveal.errors import UsageError
from foveal.models.sites import Site
from foveal.seeding import fork_rng


def create_gate(
    site: Site,
    attention: str | Callable[..., nn.Module],
    options: Mapping[str, object],
    seed: int,
    start: str,
) -> nn.Module:
    """Create the gate of a site; its weights come from a random stream of that site.

    Raises:
        UsageError: the attention module or an option is unknown, or a user's module does not return a map
            of the same shape.
    """
    with fork_rng(seed, "gates", site.name):
        gate = create(attention, site.channels, **options)
    entry = get_entry(attention)
    if entry.is_user:
        _require_same_shape(gate.to(site.device, site.dtype), site, entry.name)
    is_before_activation = site.negative_slope is not None
    if site.negative_slope is not None:
        gate = GateBeforeActivation(gate, negative_slope=site.negative_slope)
    if start == "identity":
        gate = IdentityStart(gate, is_bounded=is_before_activation)
    return gate.to(site.device, site.dtype)


@torch.no_grad()
def _require_same_shape(gate: nn.Module, site: Site, name: str) -> None:
    """Raise a `UsageError` unless a user's module returns a map of the shape at its site."""
    x = torch.zeros(site.shape, dtype=site.dtype, device=site.device)
    try:
        out = gate.eval()(x)
    except Exception as error:  # code of a user may raise anything
        raise UsageError(
            f"{name} raised {type(error).__name__} for a map {site.shape} at {site.name!r}: {error}"
        ) from error
    found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    if found != tuple(site.shape):
        raise UsageError(
            f"{name} should return a map of the same shape. Found {found} for a map {site.shape} "
            f"at {site.name!r}."
        )
