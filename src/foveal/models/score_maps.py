"""Maps of scores: the output of a network before it is pooled, enlarged or added up."""

from __future__ import annotations

from torch import nn

from foveal.models.node_kinds import (
    get_area,
    is_activation,
    is_addition,
    is_bounded_activation,
    is_concatenation,
    is_convolution,
    is_feature_map,
    is_norm,
    is_weight_layer,
)
from foveal.models.tracing import Node, Trace

SCORE_REASON = "is a map of scores, with no layer between it and the output"


def find_score_maps(trace: Trace) -> set[int]:
    """Return the maps between the layer that computes scores and the output of the network.

    No weights follow them, except for enlarging. The layer is a convolution without a norm that a last
    layer typically is: 1x1, with fewer outputs than inputs, or with a bounded activation.
    """
    tail = find_tail(trace)
    return {index for index in tail if _has_score_layer(trace, index)}


def find_tail(trace: Trace) -> set[int]:
    """Return the nodes that reach the output of the network only through operations without weights."""
    tail = set[int]()
    for index in reversed(range(len(trace.nodes))):
        consumers = trace.consumers[index]
        is_used = index in trace.outputs or bool(consumers)
        if is_used and all(c in tail and _has_no_weights(trace, c) for c in consumers):
            tail.add(index)
    return tail


def _has_no_weights(trace: Trace, index: int) -> bool:
    """Return True for an operation without weights, or a transposed convolution that only enlarges maps."""
    node = trace.nodes[index]
    if _enlarges_each_map(trace, node):
        return True
    has_parameters = isinstance(node.call, nn.Module) and any(True for _ in node.call.parameters())
    return not (has_parameters or is_weight_layer(node) or is_norm(node) or is_concatenation(node))


def _enlarges_each_map(trace: Trace, node: Node) -> bool:
    """Return True for a transposed convolution with as many outputs as inputs, as in FCN."""
    sources = [trace.nodes[source] for source in node.sources]
    return (
        is_convolution(node)
        and len(sources) == 1
        and get_area(node) > get_area(sources[0]) > 0
        and node.shape[1] == sources[0].shape[1]
    )


def _has_score_layer(trace: Trace, index: int) -> bool:
    """Return True if a map comes from a convolution without a norm that a last layer typically is."""
    is_bounded = False
    while True:
        node = trace.nodes[index]
        if _enlarges_each_map(trace, node) or (
            is_activation(node) and not is_convolution(node) and not is_norm(node)
        ):
            is_bounded = is_bounded or is_bounded_activation(node)
        elif is_convolution(node):
            break
        elif is_addition(node, trace.nodes):
            return all(_has_score_layer(trace, source) for source in node.sources)
        elif is_norm(node) or len(node.sources) != 1 or not is_feature_map(node):
            return False
        if len(node.sources) != 1:
            return False
        index = node.sources[0]
    kernel = getattr(node.call, "kernel_size", None)
    inputs = [trace.nodes[source].shape[1] for source in node.sources[:1]]
    return is_bounded or kernel == (1, 1) or any(node.shape[1] < count for count in inputs)
