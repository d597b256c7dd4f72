"""Holders: the modules that can hold a gate for a map of a trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from foveal.attention.inserted import get_gate
from foveal.models.node_kinds import (
    LINEAR_LAYERS,
    get_negative_slope,
    is_call_to,
    is_feature_map,
    is_max_pool,
    is_norm_module,
    is_passthrough,
    is_pointwise,
)
from foveal.models.tracing import Node, Trace
from foveal.variant_names import GATE_MODULE_NAME

# Modules whose forward calls all their children in turn, and so would call a gate as one of them.
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_OBSERVER_NAME = "activation_post_process"  # of torch.ao.quantization, which replaces these modules


@dataclass(frozen=True)
class Holder:
    """A module that can hold a gate.

    Attributes:
        name: its name in the network.
        index: the node whose output the gate receives.
        position: `output`, or `input` for a gate before the module.
        negative_slope: slope below zero of the ReLU or LeakyReLU after the module, if the gate weights the
            map before it by factors computed from the map after it; otherwise None.
    """

    name: str
    index: int
    position: str = "output"
    negative_slope: float | None = None


def list_holders(trace: Trace, index: int, *, has_positive_factor: bool) -> Iterator[Holder]:
    """Yield the modules that can hold a gate for the output of a node, the best first.

    First those that return the map. Then, for a map after a ReLU or LeakyReLU, those that return the map
    before it, because positive factors can be applied before it as well. Then the only module that takes it.
    """
    for name in _list_returning_modules(trace, index):
        yield Holder(name, index)
    slope = get_negative_slope(trace.nodes[index])
    before = _find_map_before_activation(trace, index)
    if has_positive_factor and slope is not None and before is not None:
        for name in _list_returning_modules(trace, before):
            yield Holder(name, before, negative_slope=slope)
    consumer = trace.get_only_consumer(index)
    if consumer is not None and is_feature_map(trace.nodes[index]):
        node = trace.nodes[consumer]
        if (
            node.takes_tensor
            and isinstance(node.call, nn.Module)
            and _can_hold(trace, node.name, node.call)
        ):
            yield Holder(node.name, index, position="input")


def explain_missing_holder(trace: Trace, index: int, *, has_positive_factor: bool) -> str:
    """Return why no module can hold a gate for the output of a node."""
    node = trace.nodes[index]
    count = trace.count_places(node.name) if isinstance(node.call, nn.Module) else 0
    if count > 1:
        reason = f"is called {count} times"
    elif isinstance(node.call, nn.Module):
        reason = "cannot hold a gate"
    else:
        reason = "is a function, and its result is not the output or the only input of a module"
    if get_negative_slope(node) is not None and not has_positive_factor:
        reason += "; before this activation only modules with positive factors can be inserted"
    return reason


def explain_if_not_holder(trace: Trace, node: Node, name: str, module: nn.Module) -> str:
    """Return why a module cannot hold a gate for feature maps, or an empty string if it can."""
    if trace.count_places(name) > 1:
        return f"is called {trace.count_places(name)} times"
    if isinstance(module, CONTAINERS):
        return "is a container and would run the gate as one of its children; name its last child"
    if not is_feature_map(node) or _has_channels_last(trace, node):
        return f"returns shape {node.shape}, and a gate needs a feature map (N, C, H, W)"
    if get_gate(module) is None and hasattr(module, GATE_MODULE_NAME):
        return f"has its own attribute {GATE_MODULE_NAME!r}"
    return ""


def _has_channels_last(trace: Trace, node: Node) -> bool:
    """Return True for (N, H, W, C) from a linear layer or a norm of one axis, or a function of it."""
    while is_pointwise(node):
        node = trace.nodes[node.sources[0]]
    call = node.call
    is_norm_of_one_axis = type(call) is nn.LayerNorm and len(call.normalized_shape) == 1
    return is_norm_of_one_axis or is_call_to(node, LINEAR_LAYERS)


def describe_node(node: Node) -> str:
    """Return the name of a module, or of a function and the module that calls it.

    >>> describe_node(Node("conv1", nn.ReLU(), (), ()))
    'conv1'
    """
    if isinstance(node.call, nn.Module):
        return node.name
    return f"{node.name} in {node.scope}" if node.scope else f"{node.name} in the network"


def _list_returning_modules(trace: Trace, index: int) -> list[str]:
    """Return the names of the modules that return the output of a node and can hold a gate.

    Norms have priority, and a module that ends with its norm has priority over the norm, because it
    remains when the norm is folded into a convolution. Identities come last.
    """
    modules = [
        (name, module)
        for name, module in _list_modules_with_identities(trace, index)
        if _can_hold(trace, name, module)
    ]
    parents = {name.rpartition(".")[0] for name, module in modules if is_norm_module(module)}

    def rank(pair: tuple[str, nn.Module]) -> int:
        name, module = pair
        if isinstance(module, nn.Identity):
            return 3
        return 0 if name in parents else 1 if is_norm_module(module) else 2

    return [name for name, _ in sorted(modules, key=rank)]


def _list_modules_with_identities(trace: Trace, index: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that return the output of a node, also those after an `nn.Identity`."""
    yield from trace.nodes[index].list_modules()
    for consumer in trace.consumers[index]:
        if isinstance(trace.nodes[consumer].call, nn.Identity):
            yield from _list_modules_with_identities(trace, consumer)


def _can_hold(trace: Trace, name: str, module: nn.Module) -> bool:
    """Return True if a module can hold a gate, or holds one already."""
    return (
        bool(name)
        and trace.count_places(name) == 1
        and not isinstance(module, CONTAINERS)
        and not name.endswith(_OBSERVER_NAME)
        and (get_gate(module) is not None or not hasattr(module, GATE_MODULE_NAME))
    )


def _find_map_before_activation(trace: Trace, index: int) -> int | None:
    """Return the node before a ReLU, and before dropout and max pooling, if nothing else takes these maps.

    Max pooling chooses the same value before and after an increasing function.
    """
    node = trace.nodes[index]
    while len(node.sources) == 1 and trace.get_only_consumer(node.sources[0]) is not None:
        index = node.sources[0]
        node = trace.nodes[index]
        if not (is_max_pool(node) or is_passthrough(node)):
            return index if is_feature_map(node) else None
    return None
