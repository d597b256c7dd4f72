"""The attention modules of timm, where it is installed."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from torch import nn

from foveal.errors import UsageError
from foveal.optional_imports import suggest_install


def timm_factory(kind: str) -> Callable[..., nn.Module]:
    """Return what timm's `create_attn` makes for `kind`, with its signature.

    Modules of timm are no gates of ours: `captured_maps` finds no map in them.

    Raises:
        UsageError: timm cannot be imported, or does not know `kind`. The factory raises one too where
            timm refuses the options.
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
    def make(channels: int, **options: object) -> nn.Module:
        try:
            made: nn.Module = layers.create_attn(kind, channels, **options)
        except (AssertionError, TypeError, ValueError) as error:
            raise UsageError(f"timm refuses to make {kind!r} with {options}: {error}") from error
        return made

    return make
