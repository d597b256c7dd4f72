"""Recipe of the gates of a network, as JSON: names, options, places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from foveal.attention.inserted import GateRecord, get_record
from foveal.errors import UsageError

RECIPE_VERSION = 1


def make_recipe(gates: Mapping[str, nn.Module]) -> dict[str, Any]:
    """Return the recipe of gates by their names in the network.

    Raises:
        UsageError: an option or a class cannot be written.
    """
    rows = []
    for name, gate in gates.items():
        record = get_record(gate)
        assert record is not None
        row = {**asdict(record), "place": _find_original_place(name, record)}
        if "<" in record.attention:
            raise UsageError(
                f"{record.attention} has no name that a recipe can contain. Define it in a module, outside of "
                "functions."
            )
        rows.append({key: value for key, value in row.items() if value is not None})
    recipe = {"version": RECIPE_VERSION, "gates": rows}
    try:
        return json.loads(json.dumps(recipe))  # type: ignore[no-any-return]
    except TypeError as error:
        raise UsageError(f"An option of the gates cannot be written as JSON ({error}).") from error


def _find_original_place(name: str, record: GateRecord) -> str:
    """Return the place of a gate in a network that is built anew.

    A gate that moved from a norm to the convolution before it has the place of the norm.
    """
    place = name.rpartition(".")[0]
    if record.convolution is not None and (
        place == record.convolution or place.endswith(f".{record.convolution}")
    ):
        return place.removesuffix(record.convolution) + record.place
    return place
