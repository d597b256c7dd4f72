"""Ends of convolutional blocks: convolution, norm, activation."""

from __future__ import annotations

from foveal.models.node_kinds import (
    is_activation,
    is_addition,
    is_bounded_activation,
    is_convolution,
    is_feature_map,
    is_norm,
    is_passthrough,
    is_pointwise,
    is_pool,
    is_product,
)
from foveal.models.places import Place
from foveal.models.score_maps import SCORE_REASON, find_score_maps, find_tail
from foveal.models.tracing import Node, Trace


def find_conv_block_ends(trace: Trace) -> list[Place]:
    """Return the activations that end a convolution - norm - activation block.

    Where no activation follows a convolution, as in blocks of norm - activation - convolution, or none that
    is known, these are the convolutions with the norms after them.
    """
    places = _find_activations_of_blocks(trace)
    if any(not place.reason for place in places):
        return places
    return [*places, *_find_bare_convolutions(trace)]


def _find_activations_of_blocks(trace: Trace) -> list[Place]:
    """Return the activations after convolutions, at most with norms and pools in between."""
    products = _find_self_gated_products(trace)
    inner = {index for steps, _ in products.values() for index in steps}
    scores = find_score_maps(trace)
    places = []
    for index, node in enumerate(trace.nodes):
        if not is_feature_map(node) or not node.sources or index in inner:
            continue
        if index in products:
            source = products[index][1]
        elif is_activation(node) and not _is_factor(trace, index):
            source = node.sources[0]
        else:
            continue
        convolution = _find_preceding_convolution(trace, source)
        if convolution is not None and not _has_pooled_input(trace, convolution):
            places.append(Place(index, reason=SCORE_REASON if index in scores else ""))
    return places


def _find_bare_convolutions(trace: Trace) -> list[Place]:
    """Return the convolutions whose maps other layers take, each with the norm after it."""
    tail = find_tail(trace)
    places = []
    for index, node in enumerate(trace.nodes):
        if not is_convolution(node) or not is_feature_map(node) or _has_pooled_input(trace, node):
            continue
        end, consumer = index, trace.get_only_consumer(index)
        while consumer is not None and is_norm(trace.nodes[consumer]):
            end, consumer = consumer, trace.get_only_consumer(consumer)
        if end not in tail:
            places.append(Place(end))
    return places


def _find_preceding_convolution(trace: Trace, index: int) -> Node | None:
    """Return the convolution that computes a map with at most norms and pools after it, or None.

    A sum of convolutions, norms and identities of one map counts as a convolution, as in RepVGG.
    """
    node = trace.nodes[index]
    if is_convolution(node):
        return node
    if is_addition(node, trace.nodes):
        terms = [_find_preceding_convolution(trace, source) for source in node.sources]
        inputs = {_find_block_input(trace, source) for source in node.sources}
        return next((term for term in terms if term), None) if len(inputs) == 1 else None
    if (is_norm(node) or is_passthrough(node) or is_pool(node)) and len(node.sources) == 1:
        return _find_preceding_convolution(trace, node.sources[0])
    return None


def _find_block_input(trace: Trace, index: int) -> int:
    """Return the input of the convolution before a node, or the node that is not a norm or a sum of them."""
    node = trace.nodes[index]
    if is_convolution(node) and node.sources:
        return node.sources[0]
    if is_addition(node, trace.nodes):
        inputs = {_find_block_input(trace, source) for source in node.sources}
        return inputs.pop() if len(inputs) == 1 else index
    if (is_norm(node) or is_passthrough(node)) and len(node.sources) == 1:
        return _find_block_input(trace, node.sources[0])
    return index


def _has_pooled_input(trace: Trace, convolution: Node) -> bool:
    """Return True for a 1x1 convolution of a 1x1 map: a linear layer, as in squeeze and excitation."""
    kernel = getattr(convolution.call, "kernel_size", None)
    shapes = [trace.nodes[source].shape for source in convolution.sources]
    return kernel == (1, 1) and any(shape[2:] == (1, 1) for shape in shapes)


def _is_factor(trace: Trace, index: int) -> bool:
    """Return True for a bounded activation that only scales other maps, as in attention of other authors."""
    consumers = trace.consumers[index]
    return (
        is_bounded_activation(trace.nodes[index])
        and bool(consumers)
        and all(is_product(trace.nodes[consumer]) for consumer in consumers)
    )


def _find_self_gated_products(trace: Trace) -> dict[int, tuple[list[int], int]]:
    """Return the products of two pointwise functions of one map, such as x sigmoid(x).

    For each product the nodes between it and the map, and the map.
    """
    products = {}
    for index, node in enumerate(trace.nodes):
        if not is_product(node):
            continue
        first, second = (_follow_pointwise_steps(trace, source) for source in node.sources)
        shared = next((step for step in first if step in second), None)
        if shared is not None:
            steps = [*first[: first.index(shared)], *second[: second.index(shared)]]
            if any(is_activation(trace.nodes[step]) for step in steps):
                products[index] = (steps, shared)
    return products


def _follow_pointwise_steps(trace: Trace, index: int) -> list[int]:
    """Return a node and the nodes before it from which pointwise functions compute it."""
    steps = [index]
    while is_pointwise(trace.nodes[index]):
        index = trace.nodes[index].sources[0]
        steps.append(index)
    return steps
