"""Recognition of inserted gates: their mark, the site of each, leaf modules."""

from __future__ import annotations

from torch import nn

from foveal.variant_names import GATE_MODULE_NAME

INSERTED_MARK = (
    "is_inserted_gate"  # attribute that tells a gate from another child of the same name
)
INPUT_MARK = (
    "weights_input"  # attribute of a gate that is applied to the input of the module at its site
)


def is_inserted_gate(module: nn.Module) -> bool:
    """Return True if `insert` put this module at a site."""
    return getattr(module, INSERTED_MARK, False)


def weights_input(gate: nn.Module) -> bool:
    """Return True if an inserted gate is applied to the input of the module that it is a child of."""
    return getattr(gate, INPUT_MARK, False)


def get_gate(module: nn.Module) -> nn.Module | None:
    """Return the gate inserted at the output of `module`, or None."""
    child = module._modules.get(GATE_MODULE_NAME)
    return child if child is not None and is_inserted_gate(child) else None


def find_gates(model: nn.Module) -> dict[str, nn.Module]:
    """Return all inserted gates of a model by name, in the order of `named_modules`."""
    return {name: module for name, module in model.named_modules() if is_inserted_gate(module)}


def is_leaf(module: nn.Module) -> bool:
    """Return True if a module has no children except inserted gates."""
    return all(is_inserted_gate(child) for child in module.children())


def get_site_name(model: nn.Module, name: str) -> str:
    """Return the name of the module whose output a gate weights, given the name of the gate or a part of it.

    A module that is not part of an inserted gate has its own name.
    """
    gate = find_enclosing_gate(model, name)
    return name if gate is None else gate.rpartition(".")[0]


def find_enclosing_gate(model: nn.Module, name: str) -> str | None:
    """Return the name of the inserted gate that is the module `name` or contains it, or None."""
    parts = name.split(".") if name else []
    names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next((each for each in names if is_inserted_gate(model.get_submodule(each))), None)
