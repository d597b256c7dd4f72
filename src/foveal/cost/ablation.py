"""Gates of a network: find them, replace them, and copy the network without them."""

from __future__ import annotations

from torch import nn

from foveal.attention import CBAM
from foveal.attention.gate import Gate
from foveal.attention.inserted import is_inserted_gate
from foveal.cost.conditions import copy_model


class RemovedGate(nn.Identity):
    """Identity in place of a gate, in a network measured without its gates."""


def find_outermost_gates(model: nn.Module) -> list[str]:
    """Return the names of inserted gates and of foveal's attention modules, without the parts of a gate."""
    names: list[str] = []
    for name, module in model.named_modules():
        is_inside = any(is_part_of(name, outer) for outer in names)
        if not is_inside and (is_inserted_gate(module) or isinstance(module, Gate | CBAM)):
            names.append(name)
    return names


def is_part_of(name: str, gate: str) -> bool:
    """Return True if a module name is that of the gate or of a module inside it.

    >>> is_part_of("relu.attention.norm", "relu.attention"), is_part_of("relu", ""), is_part_of("relu2", "relu")
    (True, True, False)
    """
    return name == gate or not gate or name.startswith(f"{gate}.")


def replace_module(model: nn.Module, name: str, replacement: nn.Module) -> None:
    """Replace a module everywhere it is registered."""
    module = model.get_submodule(name)
    for parent in list(model.modules()):
        for key, child in parent._modules.items():
            if child is module:
                parent._modules[key] = replacement


def copy_without_gates(model: nn.Module) -> nn.Module | None:
    """Return a copy of a network with its gates removed, or None if it has none or is one itself."""
    names = find_outermost_gates(model)
    if not names or names == [""]:
        return None
    parameter = next(model.parameters(), None)
    baseline = copy_model(model, "cpu" if parameter is None else parameter.device)
    for name in names:
        replace_module(baseline, name, RemovedGate())
    return baseline
