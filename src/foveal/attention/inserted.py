"""Inserted gates: the record that marks each, its site, leaf modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from foveal.errors import UsageError
from foveal.variant_names import GATE_MODULE_NAME

_RECORD = "insertion_record"  # attribute that tells a gate from another child of the same name


@dataclass(frozen=True)
class GateRecord:
    """Record of an inserted gate: what it is and where it was inserted; copies and pickles keep it.

    Attributes:
        attention: name of the attention module.
        options: its options.
        start: `paper` or `identity`.
        where: the sites that were selected.
        place: name of the module that holds the gate, in the network of the insertion.
        position: `output`, or `input` if the gate is applied to the input of that module.
        negative_slope: slope below zero of the activation after a gate that is computed from the map after it.
        shape: shape of the map.
        convolution: name of the convolution before a norm that holds the gate, or None.
        index: position of the gate in the forward pass.
    """

    attention: str
    options: Mapping[str, object]
    start: str
    where: str
    place: str
    position: str
    negative_slope: float | None
    shape: tuple[int, ...]
    convolution: str | None = None
    index: int = 0


def set_record(gate: nn.Module, record: GateRecord) -> None:
    """Mark a module as an inserted gate."""
    setattr(gate, _RECORD, record)
    gate.__prepare_scriptable__ = _refuse_scripting  # type: ignore[assignment]


def _refuse_scripting() -> nn.Module:
    """Raise a `UsageError` in place of the errors that `torch.jit.script` has for hooks."""
    raise UsageError(
        "torch.jit.script cannot compile a network with gates, because hooks apply them. Use "
        "torch.jit.trace or torch.export."
    )


def get_record(module: nn.Module) -> GateRecord | None:
    """Return the record of an inserted gate, or None for another module."""
    return vars(module).get(_RECORD)


def is_inserted_gate(module: nn.Module) -> bool:
    """Return True if `insert` put this module at a site."""
    return _RECORD in vars(module)


def weights_input(gate: nn.Module) -> bool:
    """Return True if an inserted gate is applied to the input of the module that it is a child of."""
    record = get_record(gate)
    return record is not None and record.position == "input"


def get_gate(module: nn.Module) -> nn.Module | None:
    """Return the gate inserted at the output of `module`, or None."""
    child = module._modules.get(GATE_MODULE_NAME)
    return child if child is not None and is_inserted_gate(child) else None


def find_gates(model: nn.Module) -> dict[str, nn.Module]:
    """Return all inserted gates of a model by name, in the order of `named_modules`."""
    return {name: module for name, module in model.named_modules() if is_inserted_gate(module)}


def list_own_tensors(module: nn.Module) -> list[Tensor]:
    """Return the parameters and buffers of a leaf module, without those of its gate."""
    return [*module.parameters(recurse=False), *module.buffers(recurse=False)]


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
