"""The rows of the table of layers: modules in the order in which they run, and functions among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from foveal.attention.inserted import has_no_parts
from foveal.cost.attribution import Frame, Seen
from foveal.cost.counting import Tally
from foveal.cost.profiling import Counted, Held


@dataclass(frozen=True)
class Layer:
    """What one module does by itself, without what is below it; or one function of a module with children.

    Shapes are (N, ...), one an output, and of a shared module those of all its calls; `numbers` is how many
    numbers all calls give. `parameters` counts what is shared once, where it stands first. `kept` is in
    bytes; `elements` and `uncounted` are by operation, the latter in calls.
    """

    name: str
    kind: str
    depth: int
    calls: int
    shapes: tuple[tuple[int, ...], ...]
    numbers: int
    parameters: int
    kept: int
    macs: int
    elements: dict[str, int]
    uncounted: dict[str, int]
    is_function: bool = False
    is_layer: bool = False
    """Whether a row has an output of its own: a module without children that does something, or a function."""
    shared_with: str | None = None
    """The name under which the same module, or a parameter of it, is counted."""


@dataclass(frozen=True)
class Found:
    """What both passes saw and found, by frame; a frame that ran in both as it was in eval mode."""

    seen: dict[Frame, Seen]
    tallies: dict[Frame, Tally]
    kept: Counter[Frame]


def layers_of(model: nn.Module, done: Counted, held: Held) -> list[Layer]:
    """Return the rows of a model, each module before what is below it.

    Functions that compute nothing and keep nothing, such as views, have no row. A module that is never
    called has one, with 0 calls.
    """
    # What runs in training alone, as a head beside the others does, has a row too, and keeps something.
    found = Found(held.seen | done.seen, done.tallies, held.kept)
    rows = rows_by_parent(model, found)
    return list(below(None, rows))


def below(name: str | None, rows: dict[str | None, list[Layer]]) -> Iterator[Layer]:
    """Yield the rows below a module, each followed by its own."""
    for row in rows.get(name, []):
        yield row
        if not row.is_function:
            yield from below(row.name, rows)


def rows_by_parent(model: nn.Module, found: Found) -> dict[str | None, list[Layer]]:
    """Return the rows by the module they stand below, in the order of running; the model's own has none."""
    order = {frame: place for place, frame in enumerate(found.seen)}
    unseen = len(order)
    owners: dict[int, str] = {}
    rows: dict[str | None, list[tuple[int, Layer]]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        frame = Frame(name)
        parent = None if not name else name.rpartition(".")[0]
        row = module_row(name, module, found, owners)
        rows.setdefault(parent, []).append((order.get(frame, unseen), row))
    for frame in found.seen:
        function = function_row(frame, found)
        if function is not None:
            rows.setdefault(frame.module, []).append((order[frame], function))
    return {
        parent: [row for _, row in sorted(mine, key=lambda pair: pair[0])]
        for parent, mine in rows.items()
    }


def module_row(name: str, module: nn.Module, found: Found, owners: dict[int, str]) -> Layer:
    """Return the row of a module; what stands in `owners` is counted there, under that name."""
    shared_with = owners.get(id(module))
    kind = type(module).__name__
    if shared_with is not None:
        return Layer(name, kind, depth(name), 0, (), 0, 0, 0, 0, {}, {}, shared_with=shared_with)
    owners[id(module)] = name or "the model"
    own = list(module.parameters(recurse=False))
    fresh = {id(parameter): parameter for parameter in own if id(parameter) not in owners}
    taken = [owners[id(parameter)] for parameter in own if id(parameter) in owners]
    owners.update(dict.fromkeys(fresh, name))
    seen = found.seen.get(Frame(name), Seen())
    return Layer(
        name, kind, depth(name), seen.calls, seen.shapes, seen.numbers,
        parameters=sum(parameter.numel() for parameter in fresh.values()),
        **numbers(Frame(name), found),
        is_layer=has_no_parts(module) and not isinstance(module, nn.Identity),
        shared_with=taken[0] if taken else None,
    )  # fmt: skip


def function_row(frame: Frame, found: Found) -> Layer | None:
    """Return the row of a function, None if it computes nothing and keeps nothing."""
    counted = numbers(frame, found)
    if frame.function is None or not any(counted.values()):
        return None
    seen = found.seen[frame]
    deep = depth(frame.module) + 1
    return Layer(
        frame.module, frame.function, deep, seen.calls, seen.shapes, seen.numbers, 0, **counted,
        is_function=True, is_layer=True,
    )  # fmt: skip


def numbers(frame: Frame, found: Found) -> dict[str, Any]:
    """Return what a frame did and keeps."""
    tally = found.tallies.get(frame, Tally())
    return {
        "kept": found.kept[frame],
        "macs": tally.macs,
        "elements": dict(tally.elements),
        "uncounted": dict(tally.uncounted),
    }


def depth(name: str) -> int:
    """Return how deep a module stands; the model itself at 0.

    >>> depth(""), depth("blocks"), depth("blocks.0.relu")
    (0, 1, 3)
    """
    return name.count(".") + 1 if name else 0
