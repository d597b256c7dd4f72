"""Ends of residual branches: after the last norm, before the addition."""

from __future__ import annotations

import operator

from foveal.models.node_kinds import (
    get_area,
    is_activation,
    is_addition,
    is_convolution,
    is_norm,
    is_padding,
    is_passthrough,
    is_product,
    is_weight_layer,
)
from foveal.models.places import Place, collect_ancestors
from foveal.models.score_maps import SCORE_REASON, find_score_maps
from foveal.models.tracing import Trace


def find_residual_branch_ends(trace: Trace) -> list[Place]:
    """Return the end of each residual branch: after its last norm, before the addition (as in CBAM).

    Other additions of branches with convolutions are left out with a reason.
    """
    scores = find_score_maps(trace)
    places: dict[int, Place] = {}
    for node in trace.nodes:
        place = (
            _find_branch_end(trace, node.sources, scores)
            if is_addition(node, trace.nodes)
            else None
        )
        if place is not None and (place.index not in places or places[place.index].reason):
            places[place.index] = place
    return [places[index] for index in sorted(places)]


def _find_branch_end(trace: Trace, terms: tuple[int, ...], scores: set[int]) -> Place | None:
    """Return the last node of the longer path into an addition, before layers that only scale it.

    Returns None if that path has no convolution.
    """
    nodes = trace.nodes
    paths = [collect_ancestors(trace, term) for term in terms]
    exclusive = [paths[0] - paths[1], paths[1] - paths[0]]
    longer = 0 if len(exclusive[0]) >= len(exclusive[1]) else 1
    branch, shortcut = exclusive[longer], exclusive[1 - longer]
    if not any(is_convolution(nodes[index]) for index in branch):
        return None
    end = terms[longer]
    scaled = []
    while is_passthrough(nodes[end]) and not is_norm(nodes[end]) and nodes[end].sources:
        scaled.append(end)
        end = nodes[end].sources[0]
    reason = _explain_if_not_residual(trace, terms[longer], branch, shortcut)
    if not reason and end in scores:
        reason = SCORE_REASON
    alternatives = (*reversed(scaled), *_list_weighted_maps(trace, end))
    return Place(end, alternatives, reason)


def _list_weighted_maps(trace: Trace, index: int) -> list[int]:
    """Return the map that a product of functions weights, as in squeeze and excitation, and what it weights."""
    maps = []
    while is_product(trace.nodes[index]):
        area = get_area(trace.nodes[index])
        sources = [s for s in trace.nodes[index].sources if get_area(trace.nodes[s]) == area]
        if not sources:
            break
        index = min(sources)
        maps.append(index)
    return maps


def _explain_if_not_residual(trace: Trace, term: int, branch: set[int], shortcut: set[int]) -> str:
    """Return why an addition is not that of a residual block, or an empty string if it is.

    `term` is the end of the branch; `branch` and `shortcut` are the nodes before one of the terms only.
    """
    path = [trace.nodes[index] for index in _follow_branch(trace, term, branch)]
    changes = {_compare_area(trace, index) for index in _follow_branch(trace, term, branch)}
    if changes >= {-1, 1}:
        return "ends an addition across resolutions, not a residual branch"
    others = [trace.nodes[index] for index in shortcut]
    if sum(map(is_convolution, others)) > 1 and any(map(is_activation, others)):
        return "ends an addition of two branches, not a residual branch"
    if any(node.call is operator.getitem for node in others):
        return "ends an addition of two parts of a map, not a residual branch"
    layers = sum(is_weight_layer(node) for node in path)
    if layers < 2 and not any(is_activation(node) or is_product(node) for node in path):
        return "ends an addition of one convolution without an activation, not a residual branch"
    return ""


def _follow_branch(trace: Trace, index: int, branch: set[int]) -> list[int]:
    """Return the nodes of a branch from its end back to its start, past what only scales or adds to it."""
    path = []
    while True:
        path.append(index)
        sources = [source for source in trace.nodes[index].sources if source in branch]
        if not sources:
            return path
        area = get_area(trace.nodes[index])
        index = min(sources, key=lambda source: (get_area(trace.nodes[source]) != area, source))


def _compare_area(trace: Trace, index: int) -> int:
    """Return 1 if a node enlarges its map, -1 if it reduces it to more than one position, otherwise 0.

    Padding enlarges a map for the convolution after it. Linear layers and permutations change the last axis,
    which is not a width for them.
    """
    node = trace.nodes[index]
    sources = [trace.nodes[source] for source in node.sources]
    if not is_convolution(node):
        if is_weight_layer(node) or is_padding(node):
            return 0
        sources = [source for source in sources if source.shape[1:2] == node.shape[1:2]]
    area, before = get_area(node), max(map(get_area, sources), default=0)
    if area == before or area <= 1 or not before:
        return 0
    return 1 if area > before else -1
