"""Attention modules of timm, if it is installed."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from torch import nn

from foveal.errors import UsageError
from foveal.optional_imports import suggest_install


def get_timm_factory(kind: str) -> Callable[..., nn.Module]:
    """Return a factory of timm's attention module `kind`, with the signature of its class.

    Modules of timm are not subclasses of `Gate`, so `capture_maps` finds no maps in them.

    Raises:
        UsageError: timm cannot be imported, or has no attention module `kind`. The factory raises it too
            if timm rejects the options.
    """
    try:
        with suggest_install("timm"):
            layers = importlib.import_module("timm.layers")
    except RuntimeError as error:  # from torchvision, if it was built for another version of torch
        raise UsageError(f"timm cannot be imported ({error}).") from error
    try:
        module = layers.get_attn(kind)
    except AssertionError:
        module = None
    if module is None:
        raise UsageError(f"timm has no attention module {kind!r}. See timm.layers.create_attn.")

    @functools.wraps(module)
    def create_module(channels: int, **options: object) -> nn.Module:
        try:
            created: nn.Module = layers.create_attn(kind, channels, **options)
        except (AssertionError, TypeError, ValueError) as error:
            raise UsageError(f"timm cannot create {kind!r} with {options}: {error}") from error
        return created

    return create_module
