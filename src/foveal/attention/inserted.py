"""Which modules of a network are gates that stand at a site, and where that is."""

from __future__ import annotations

from torch import nn

from foveal.variant_names import GATE_CHILD

MARK = "stands_at_a_site"  # and the attribute that tells it from a child that happens to have that name


def is_gate(module: nn.Module) -> bool:
    """Say whether a module is a gate that stands at a site."""
    return getattr(module, MARK, False)


def gate_of(module: nn.Module) -> nn.Module | None:
    """Return the gate that stands behind `module`, None where there is none."""
    child = module._modules.get(GATE_CHILD)
    return child if child is not None and is_gate(child) else None


def gates_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the gates that stand in a model by their names, in the order of its modules."""
    return {name: module for name, module in model.named_modules() if is_gate(module)}


def has_no_parts(module: nn.Module) -> bool:
    """Say whether a module has no children but gates, which are no part of what it does itself."""
    return all(is_gate(child) for child in module.children())


def site_of(name: str) -> str:
    """Return the module at whose output a gate stands.

    >>> site_of("blocks.0.relu.attention.channel"), site_of("")
    ('blocks.0.relu', '')
    """
    parts = name.split(".")
    return ".".join(parts[: parts.index(GATE_CHILD)]) if GATE_CHILD in parts else name
