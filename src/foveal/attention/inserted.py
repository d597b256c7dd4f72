"""Which modules of a network are gates that stand at a site, and where that is."""

from __future__ import annotations

from torch import nn

from foveal.variant_names import GATE_CHILD

INSERTED_MARK = "is_inserted_gate"  # attribute that tells a gate from a child of the same name


def is_inserted_gate(module: nn.Module) -> bool:
    """Say whether a module is a gate that stands at a site."""
    return getattr(module, INSERTED_MARK, False)


def get_gate(module: nn.Module) -> nn.Module | None:
    """Return the gate that stands behind `module`, None where there is none."""
    child = module._modules.get(GATE_CHILD)
    return child if child is not None and is_inserted_gate(child) else None


def find_gates(model: nn.Module) -> dict[str, nn.Module]:
    """Return the gates that stand in a model by their names, in the order of its modules."""
    return {name: module for name, module in model.named_modules() if is_inserted_gate(module)}


def is_leaf(module: nn.Module) -> bool:
    """Say whether a module has no children but gates, which are no part of what it does itself."""
    return all(is_inserted_gate(child) for child in module.children())


def get_site_name(name: str) -> str:
    """Return the module at whose output a gate stands.

    >>> get_site_name("blocks.0.relu.attention.channel"), get_site_name("")
    ('blocks.0.relu', '')
    """
    parts = name.split(".")
    return ".".join(parts[: parts.index(GATE_CHILD)]) if GATE_CHILD in parts else name
