"""The gates of a network, and another module in their place."""

from __future__ import annotations

from torch import nn

from foveal.attention import CBAM
from foveal.attention.gate import Gate
from foveal.attention.inserted import is_gate


def outermost_gates(model: nn.Module) -> list[str]:
    """Return the names of the gates: those that `insert` put there, and foveal's own modules elsewhere."""
    found: list[str] = []
    for name, module in model.named_modules():
        inside = any(is_within(name, outer) for outer in found)
        if not inside and (is_gate(module) or isinstance(module, Gate | CBAM)):
            found.append(name)
    return found


def is_within(name: str, gate: str) -> bool:
    """Say whether a name is that of a gate or of a part of it.

    >>> is_within("relu.attention.norm", "relu.attention"), is_within("relu", ""), is_within("relu2", "relu")
    (True, True, False)
    """
    return name == gate or not gate or name.startswith(f"{gate}.")


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of another, wherever that is registered."""
    old = model.get_submodule(name)
    for parent in list(model.modules()):
        for key, child in parent._modules.items():
            if child is old:
                parent._modules[key] = module


class GatePassedBy(nn.Identity):
    """Stands where a gate was, in a network measured without its gates."""
