"""Recognition of inserted gates: their mark, the site of each, leaf modules."""

from __future__ import annotations

from torch import nn

from foveal.variant_names import GATE_MODULE_NAME

INSERTED_MARK = (
    "is_inserted_gate"  # attribute that tells a gate from another child of the same name
)


def is_inserted_gate(module: nn.Module) -> bool:
    """Return True if `insert` put this module at a site."""
    return getattr(module, INSERTED_MARK, False)


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


def get_site_name(name: str) -> str:
    """Return the name of the module whose output a gate weights, given the name of the gate or a part of it.

    >>> get_site_name("blocks.0.relu.attention.channel"), get_site_name("")
    ('blocks.0.relu', '')
    """
    parts = name.split(".")
    return ".".join(parts[: parts.index(GATE_MODULE_NAME)]) if GATE_MODULE_NAME in parts else name
