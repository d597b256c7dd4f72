"""Breakdown of a network's cost: one row per layer, one per gate, and the totals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from torch import nn

from foveal.attention.inserted import get_site_name, is_leaf
from foveal.cost.ablation import find_outermost_gates, is_part_of
from foveal.cost.attribution import Frame, FrameStats
from foveal.cost.conditions import MeasurementSetup
from foveal.cost.operations import OperationTally
from foveal.cost.profiling import OperationCounts, SavedMemory
from foveal.cost.timing import Timing

_FLOAT32_BYTES: Final = 4


@dataclass(frozen=True)
class Layer:
    """Cost of one module without its children, or of one function that a module with children calls.

    Shapes are (N, ...), one per output; those of a shared module are the shapes of all its calls.
    `output_numel` is the number of output elements of all calls. A shared parameter is counted in
    the first layer that has it. `elements` and `uncounted` are by operation: elements worked on, and calls.
    """

    name: str
    kind: str
    depth: int
    calls: int
    shapes: tuple[tuple[int, ...], ...]
    output_numel: int
    parameters: int
    saved_bytes: int
    macs: int
    elements: dict[str, int]
    uncounted: dict[str, int]
    is_function: bool = False
    is_leaf: bool = False
    """True for a function and for a module without children other than an identity."""
    shared_with: str | None = None
    """Name under which the same module, or one of its parameters, is counted."""


@dataclass(frozen=True)
class SiteCost:
    """Additional cost of one gate for one batch.

    `shape` is that of the feature map that the gate weights. `saved_bytes` is the difference between the
    network with and without this gate; it is negative if the gate makes other layers save less. The times
    are those of the gate alone on such maps: inference, and forward and backward in training.
    """

    site: str
    gate: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    saved_bytes: int
    macs: int
    element_operations: int
    inference: Timing | None = None
    training: Timing | None = None

    @property
    def group_key(self) -> tuple[object, ...]:
        """Kind, shape and costs, which are equal for gates of one group."""
        return (
            self.kind,
            self.shape,
            self.parameters,
            self.saved_bytes,
            self.macs,
            self.element_operations,
        )


@dataclass(frozen=True)
class Totals:
    """Sums over a network for one batch.

    `output_bytes` is the size of the outputs of all layers and functions in float32. torchsummary and
    torchinfo estimate memory as twice this number, once for the gradient; `saved_bytes` is what autograd
    saves. `elements` and `uncounted` are by operation.
    """

    parameters: int
    trainable: int
    parameter_bytes: int
    input_bytes: int
    output_bytes: int
    saved_bytes: int
    macs: int
    elements: dict[str, int]
    uncounted: dict[str, int]

    @property
    def element_operations(self) -> int:
        """Elements worked on by all operations."""
        return sum(self.elements.values())

    @property
    def forward_backward_bytes(self) -> int:
        """Twice the outputs of all layers, the estimate of torchsummary and torchinfo."""
        return 2 * self.output_bytes

    @property
    def estimated_bytes(self) -> int:
        """Input, twice the outputs of all layers, and parameters."""
        return self.input_bytes + self.forward_backward_bytes + self.parameter_bytes


@dataclass(frozen=True)
class _FrameCosts:
    """Calls, operations and saved bytes of both profiling passes, by frame."""

    stats: dict[Frame, FrameStats]
    tallies: dict[Frame, OperationTally]
    saved_bytes: Counter[Frame]

    def get_costs(self, frame: Frame) -> dict[str, Any]:
        """Return the fields of `Layer` that hold costs."""
        tally = self.tallies.get(frame, OperationTally())
        return {
            "saved_bytes": self.saved_bytes[frame],
            "macs": tally.macs,
            "elements": dict(tally.elements),
            "uncounted": dict(tally.uncounted),
        }


def list_layers(model: nn.Module, operations: OperationCounts, memory: SavedMemory) -> list[Layer]:
    """Return the layers of a model in the order of execution, each module before its children.

    A function that computes and saves nothing, such as a view, is left out. A module that is never called
    is included with 0 calls.
    """
    # The training pass first: modules that run in training only, such as an auxiliary head, are included.
    stats = memory.stats | operations.stats
    costs = _FrameCosts(stats, operations.tallies, memory.saved_bytes)
    return list(_iterate_rows(None, _group_by_parent(model, costs)))


def _iterate_rows(parent: str | None, rows: dict[str | None, list[Layer]]) -> Iterator[Layer]:
    """Yield the rows below a module, each followed by the rows below it."""
    for row in rows.get(parent, []):
        yield row
        if not row.is_function:
            yield from _iterate_rows(row.name, rows)


def _group_by_parent(model: nn.Module, costs: _FrameCosts) -> dict[str | None, list[Layer]]:
    """Return the rows by the name of their parent module, in the order of execution; the model has none."""
    order = {frame: index for index, frame in enumerate(costs.stats)}
    owners: dict[int, str] = {}
    rows: dict[str | None, list[tuple[int, Layer]]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        parent = None if not name else name.rpartition(".")[0]
        row = _make_module_row(name, module, costs, owners)
        rows.setdefault(parent, []).append((order.get(Frame(name), len(order)), row))
    for frame in costs.stats:
        function_row = _make_function_row(frame, costs)
        if function_row is not None:
            rows.setdefault(frame.module, []).append((order[frame], function_row))
    return {
        parent: [row for _, row in sorted(pairs, key=lambda pair: pair[0])]
        for parent, pairs in rows.items()
    }


def _make_module_row(
    name: str, module: nn.Module, costs: _FrameCosts, owners: dict[int, str]
) -> Layer:
    """Return the row of a module.

    `owners` maps ids of modules and parameters to the name under which they are counted; it is updated.
    """
    shared_with = owners.get(id(module))
    kind = type(module).__name__
    depth = _get_depth(name)
    if shared_with is not None:
        return Layer(name, kind, depth, 0, (), 0, 0, 0, 0, {}, {}, shared_with=shared_with)
    owners[id(module)] = name or "the model"
    parameters = list(module.parameters(recurse=False))
    new = {id(parameter): parameter for parameter in parameters if id(parameter) not in owners}
    shared = [owners[id(parameter)] for parameter in parameters if id(parameter) in owners]
    owners.update(dict.fromkeys(new, name))
    stats = costs.stats.get(Frame(name), FrameStats())
    return Layer(
        name, kind, depth, stats.calls, stats.shapes, stats.output_numel,
        parameters=sum(parameter.numel() for parameter in new.values()),
        **costs.get_costs(Frame(name)),
        is_leaf=is_leaf(module) and not isinstance(module, nn.Identity),
        shared_with=shared[0] if shared else None,
    )  # fmt: skip


def _make_function_row(frame: Frame, costs: _FrameCosts) -> Layer | None:
    """Return the row of a function, or None if it computes and saves nothing."""
    values = costs.get_costs(frame)
    if frame.function is None or not any(values.values()):
        return None
    stats = costs.stats[frame]
    depth = _get_depth(frame.module) + 1
    return Layer(
        frame.module, frame.function, depth, stats.calls, stats.shapes, stats.output_numel, 0,
        **values, is_function=True, is_leaf=True,
    )  # fmt: skip


def _get_depth(name: str) -> int:
    """Return the depth of a module by its name; the model itself has depth 0.

    >>> _get_depth(""), _get_depth("blocks"), _get_depth("blocks.0.relu")
    (0, 1, 3)
    """
    return name.count(".") + 1 if name else 0


def compute_site_costs(
    model: nn.Module, layers: Sequence[Layer], memory: SavedMemory
) -> list[SiteCost]:
    """Return the additional cost of each gate, in descending order of saved bytes."""
    sites = []
    for name in find_outermost_gates(model):
        rows = [row for row in layers if is_part_of(row.name, name)]
        sites.append(
            SiteCost(
                site=get_site_name(model, name),
                gate=name,
                kind=rows[0].kind,
                shape=rows[0].shapes[0] if rows[0].shapes else (),
                parameters=sum(row.parameters for row in rows),
                saved_bytes=memory.marginal_bytes.get(name, 0),
                macs=sum(row.macs for row in rows),
                element_operations=sum(sum(row.elements.values()) for row in rows),
            )
        )
    return sorted(sites, key=lambda site: -site.saved_bytes)


def compute_totals(model: nn.Module, layers: Sequence[Layer], setup: MeasurementSetup) -> Totals:
    """Return the sums over all layers."""
    parameters = list(model.parameters())
    elements: Counter[str] = Counter()
    uncounted: Counter[str] = Counter()
    for layer in layers:
        elements.update(layer.elements)
        uncounted.update(layer.uncounted)
    input_numel = setup.batch_size * sum(math.prod(shape) for shape in setup.input_shapes)
    return Totals(
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters),
        input_bytes=_FLOAT32_BYTES * input_numel,
        output_bytes=_FLOAT32_BYTES * sum(layer.output_numel for layer in layers if layer.is_leaf),
        saved_bytes=sum(layer.saved_bytes for layer in layers),
        macs=sum(layer.macs for layer in layers),
        elements=dict(elements),
        uncounted=dict(uncounted),
    )
