"""The gates of a recipe in a network that is built anew, and the insertion of a network that has gates."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from foveal.attention.inserted import GateRecord, find_gates, get_record, set_record
from foveal.attention.user_modules import is_user_name
from foveal.errors import UsageError
from foveal.models.gate_creation import create_gate
from foveal.models.gate_guard import guard_gate, release_gates, restore_gates
from foveal.models.insertable import require_insertable
from foveal.models.insertion_result import Insertion
from foveal.models.recipe import RECIPE_VERSION
from foveal.models.sites import Site


def apply(recipe: Mapping[str, Any], model: nn.Module) -> Insertion:
    """Insert the gates of a recipe into a network that is built anew, and return the result.

    The network needs no forward pass. The gates are new: load their weights afterwards, for example by
    `model.load_state_dict`.

    Args:
        recipe: the result of `Insertion.recipe`, also after it was written as JSON and read again.
        model: a network with modules of the same names; it is changed in place.

    Raises:
        UsageError: the recipe is not one of this version, the network lacks one of its places or has a gate
            there, or an attention module of it is not registered or imported.

    >>> from foveal import apply, insert
    >>> from foveal.models import ConvNet
    >>> recipe = insert(ConvNet(), "se", reduction=4).recipe()
    >>> print(apply(recipe, ConvNet()))
    se at 'conv'
    site           shape         parameters
    blocks.0.relu  32 x 32 x 32         512
    blocks.1.relu  64 x 16 x 16       2,048
    blocks.2.relu  128 x 8 x 8        8,192
    3 sites                          10,752
    """
    require_insertable(model)
    records = [_read_record(row) for row in _read_rows(recipe)]
    modules = dict(model.named_modules())
    for record in records:
        if record.place not in modules:
            raise UsageError(
                f"The network has no module {record.place!r}, where the recipe has a gate. "
                "Insert attention with `foveal.insert` instead."
            )
        if f"{record.place}.attention" in modules:
            raise UsageError(f"{record.place!r} already has attention. Remove it first.")
    gates = [_create_gate(record, modules[record.place], model) for record in records]
    try:
        for gate in gates:
            guard_gate(model, gate)
    except BaseException:
        release_gates(model, set(gates))
        raise
    return insertion_of(model)


def insertion_of(model: nn.Module) -> Insertion:
    """Return the insertion of a network that was loaded, copied, unpickled or wrapped.

    It has all gates of the network, also those of several insertions; then `attention` and `where` name all of
    them, joined by plus signs.

    Raises:
        UsageError: the network has no gates.

    >>> import copy
    >>> from foveal import insert, insertion_of
    >>> from foveal.models import ConvNet
    >>> model = ConvNet()
    >>> _ = insert(model, "eca")
    >>> len(insertion_of(copy.deepcopy(model)).gates)
    3
    """
    restore_gates(model)
    found = []
    for name, gate in find_gates(model).items():
        record = get_record(gate)
        assert record is not None
        found.append((name.rpartition(".")[0], gate, record))
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no gates. Insert them, or apply the recipe of another insertion, "
            "before the weights are loaded."
        )
    found.sort(key=lambda each: each[2].index)
    return Insertion(
        model,
        "+".join(dict.fromkeys(record.attention for _, _, record in found)),
        "+".join(dict.fromkeys(record.where for _, _, record in found)),
        tuple(
            Site(place, record.shape, record.position, record.negative_slope)
            for place, _, record in found
        ),
        tuple(sum(p.numel() for p in gate.parameters()) for _, gate, _ in found),
        inserted=tuple(gate for _, gate, _ in found),
    )


def _read_rows(recipe: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a recipe."""
    if not isinstance(recipe, Mapping) or recipe.get("version") != RECIPE_VERSION:
        raise UsageError(
            f"Parameter `recipe` should be the result of `Insertion.recipe()`, version {RECIPE_VERSION}. "
            f"Found {type(recipe).__name__}."
        )
    rows: list[Mapping[str, Any]] = recipe["gates"]
    return rows


def _read_record(row: Mapping[str, Any]) -> GateRecord:
    """Return the record of a row."""
    known = {field.name for field in fields(GateRecord)}
    values = {key: value for key, value in row.items() if key in known}
    try:
        return GateRecord(**{"negative_slope": None, **values, "shape": tuple(row["shape"])})
    except (KeyError, TypeError) as error:
        raise UsageError(f"A gate of the recipe is incomplete ({error}).") from error


def _create_gate(record: GateRecord, holder: nn.Module, model: nn.Module) -> nn.Module:
    """Create the gate of a record, with the dtype and device of the parameters at its place."""
    parameters = [*holder.parameters(), *model.parameters()]
    parameter = next((p for p in parameters if p.is_floating_point()), torch.zeros(()))
    site = Site(
        record.place,
        record.shape,
        record.position,
        record.negative_slope,
        parameter.dtype,
        parameter.device,
    )
    gate = create_gate(
        site, _find_attention(record.attention), record.options, torch.initial_seed(), record.start
    )
    set_record(gate, record)
    return gate


def _find_attention(name: str) -> str | Callable[..., nn.Module]:
    """Return the name of a registered module, or the class of a user whose module is imported already.

    A recipe may come from somebody else, so nothing that it names is imported.
    """
    if not is_user_name(name):
        return name
    module, _, attribute = name.partition(":")
    try:
        factory: Any = functools.reduce(getattr, attribute.split("."), sys.modules[module])
    except (KeyError, AttributeError) as error:
        raise UsageError(
            f"The recipe has the attention module {name}. Import {module} before the recipe is applied."
        ) from error
    if not inspect.isclass(factory) or not issubclass(factory, nn.Module):
        raise UsageError(f"{name} in the recipe should be a subclass of torch.nn.Module.")
    return factory
