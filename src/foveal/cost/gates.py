"""The gates of a network, and the network without one or all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from foveal.attention import CBAM
from foveal.attention.gate import Gate
from foveal.attention.standing import is_gate


def outermost_gates(model: nn.Module) -> list[str]:
    """Return the names of the gates: those that `insert` put there, and foveal's own modules elsewhere."""
    found: list[str] = []
    for name, module in model.named_modules():
        inside = any(not outer or name.startswith(f"{outer}.") for outer in found)
        if not inside and (is_gate(module) or isinstance(module, Gate | CBAM)):
            found.append(name)
    return found


@contextmanager
def without(model: nn.Module, names: list[str]) -> Iterator[None]:
    """Take gates out of a network for a while: what they weighed passes through."""
    taken = {name: model.get_submodule(name) for name in names}
    try:
        for name in names:
            put(model, name, nn.Identity())
        yield
    finally:
        for name, gate in taken.items():
            put(model, name, gate)


def put(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of another."""
    parent, _, child = name.rpartition(".")
    model.get_submodule(parent)._modules[child] = module
