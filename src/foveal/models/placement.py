"""Placements: named rules that select nodes of a trace as sites for attention."""

from __future__ import annotations

from collections.abc import Callable

import torch

from foveal.models.node_kinds import (
    ACTIVATIONS,
    CONVOLUTIONS,
    NORMS,
    is_addition,
    is_call_to,
    is_feature_map,
    is_merge,
    is_norm,
    is_passthrough,
)
from foveal.models.tracing import Node


def _find_conv_block_ends(nodes: list[Node]) -> list[int]:
    """Return the activations that end a convolution - norm - activation block, before any pooling."""
    return [
        index
        for index, node in enumerate(nodes)
        if is_call_to(node, ACTIVATIONS)
        and is_feature_map(node)
        and (convolution := _find_preceding_convolution(nodes, node)) is not None
        and not _has_pooled_input(nodes, convolution)
    ]


def _find_preceding_convolution(nodes: list[Node], node: Node) -> Node | None:
    """Return the convolution whose output is the input of `node`, with at most norms in between, or None."""
    while len(node.sources) == 1:
        node = nodes[node.sources[0]]
        if is_call_to(node, CONVOLUTIONS):
            return node
        if not (is_norm(node) or is_passthrough(node)):
            return None
    return None


def _has_pooled_input(nodes: list[Node], convolution: Node) -> bool:
    """Return True for a 1x1 convolution of a 1x1 map: a linear layer, as in squeeze and excitation."""
    kernel = getattr(convolution.call, "kernel_size", None)
    return kernel == (1, 1) and nodes[convolution.sources[0]].shape[2:] == (1, 1)


def find_residual_branch_ends(nodes: list[Node]) -> list[int]:
    """Return the end of each residual branch: after its last norm, before the addition (as in CBAM)."""
    ends = [_find_branch_end(nodes, node) for node in nodes if is_addition(node, nodes)]
    return sorted({end for end in ends if end is not None})


def _find_branch_end(nodes: list[Node], addition: Node) -> int | None:
    """Return the last node of the longer path into an addition, before layers that only scale it.

    Returns None if that path has no convolution, and so is not a residual branch.
    """
    paths = [_find_ancestors(nodes, source) for source in addition.sources]
    exclusive = [paths[0] - paths[1], paths[1] - paths[0]]
    branch = 0 if len(exclusive[0]) >= len(exclusive[1]) else 1
    if not any(is_call_to(nodes[index], CONVOLUTIONS) for index in exclusive[branch]):
        return None
    end = addition.sources[branch]
    while is_passthrough(nodes[end]) and not is_norm(nodes[end]):
        end = nodes[end].sources[0]
    return end


def _find_ancestors(nodes: list[Node], index: int) -> set[int]:
    """Return a node and all nodes that it depends on, as indices."""
    ancestors, pending = set[int](), [index]
    while pending:
        index = pending.pop()
        if index not in ancestors:
            ancestors.add(index)
            pending.extend(nodes[index].sources)
    return ancestors


def _find_stage_ends(nodes: list[Node]) -> list[int]:
    """Return the end of each stage except the last (as in BAM).

    A stage is the part of the network that runs at one height and width. It ends with the last node
    that all paths through the network share. If the network has merges (additions, concatenations),
    this is the last merge of the stage with the activation after it; after a concatenation, the norm
    too. Then the stem, which has no merge, is not a stage.
    """
    trunk = [index for index in _find_trunk(nodes) if is_feature_map(nodes[index])]
    merges = [index for index in trunk if is_merge(nodes[index], nodes)]
    ends = {nodes[index].shape[2:]: index for index in merges or trunk[1:]}
    return [_skip_activations(nodes, trunk, trunk.index(end)) for end in list(ends.values())[:-1]]


def _skip_activations(nodes: list[Node], trunk: list[int], position: int) -> int:
    """Return the node at `position` of the trunk, or the last activation directly after it."""
    after_concatenation = nodes[trunk[position]].call is torch.cat
    elementwise = (*ACTIVATIONS, *NORMS) if after_concatenation else ACTIVATIONS
    while position + 1 < len(trunk):
        following = nodes[trunk[position + 1]]
        if not (is_call_to(following, elementwise) or following.returns_input):
            break
        position += 1
    return trunk[position]


def _find_trunk(nodes: list[Node]) -> list[int]:
    """Return the nodes that every path from the input to the last node contains, in order."""
    needed = sorted(_find_ancestors(nodes, len(nodes) - 1))
    trunk, farthest_consumer = [], 0  # of all nodes before the current one
    last_consumer = {source: index for index in needed for source in nodes[index].sources}
    for index in needed:
        if farthest_consumer <= index:
            trunk.append(index)
        farthest_consumer = max(farthest_consumer, last_consumer.get(index, index))
    return trunk


PLACEMENTS: dict[str, Callable[[list[Node]], list[int]]] = {
    "residual": find_residual_branch_ends,
    "stage": _find_stage_ends,
    "conv": _find_conv_block_ends,
}
