"""Where attention can stand in a network: each place is a rule that picks steps of its trace."""

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
    is_join,
    is_norm,
    is_passthrough,
)
from foveal.models.tracing import Node


def find_conv_block_ends(nodes: list[Node]) -> list[int]:
    """After the activation of each conv - norm - activation block, before any pooling."""
    return [
        step
        for step, node in enumerate(nodes)
        if is_call_to(node, ACTIVATIONS)
        and is_feature_map(node)
        and (convolution := find_preceding_convolution(nodes, node)) is not None
        and not has_pooled_input(nodes, convolution)
    ]


def find_preceding_convolution(nodes: list[Node], node: Node) -> Node | None:
    """Return the convolution whose output is the input of `node`, norms between them aside."""
    while len(node.sources) == 1:
        node = nodes[node.sources[0]]
        if is_call_to(node, CONVOLUTIONS):
            return node
        if not (is_norm(node) or is_passthrough(node)):
            return None
    return None


def has_pooled_input(nodes: list[Node], convolution: Node) -> bool:
    """Say whether a convolution is a linear layer on pooled values, as in squeeze and excitation."""
    kernel = getattr(convolution.call, "kernel_size", None)
    return kernel == (1, 1) and nodes[convolution.sources[0]].shape[2:] == (1, 1)


def find_residual_branch_ends(nodes: list[Node]) -> list[int]:
    """At the end of each residual branch, after its last norm and before the addition (CBAM's place)."""
    ends = [find_branch_end(nodes, node) for node in nodes if is_addition(node, nodes)]
    return sorted({end for end in ends if end is not None})


def find_branch_end(nodes: list[Node], addition: Node) -> int | None:
    """Return the last step of the longer of two ways into an addition, without what scales it.

    None where that way has no convolution: then it is no residual branch.
    """
    ways = [find_ancestors(nodes, source) for source in addition.sources]
    alone = [ways[0] - ways[1], ways[1] - ways[0]]
    branch = 0 if len(alone[0]) >= len(alone[1]) else 1
    if not any(is_call_to(nodes[step], CONVOLUTIONS) for step in alone[branch]):
        return None
    step = addition.sources[branch]
    while is_passthrough(nodes[step]) and not is_norm(nodes[step]):
        step = nodes[step].sources[0]
    return step


def find_ancestors(nodes: list[Node], step: int) -> set[int]:
    """Return `step` and every step that it depends on."""
    found, waiting = set[int](), [step]
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(nodes[step].sources)
    return found


def find_stage_ends(nodes: list[Node]) -> list[int]:
    """At the end of each stage but the last (BAM's place).

    A stage is what runs at one height and width. It ends with the last step that all ways through
    the network share: with its last joining of ways (an addition, a concatenation) where the network
    has any, and the activation behind that (behind a concatenation, its norm and activation). What
    has no joining then, the stem, is no stage.
    """
    trunk = [step for step in find_trunk(nodes) if is_feature_map(nodes[step])]
    joins = [step for step in trunk if is_join(nodes[step], nodes)]
    ends = {nodes[step].shape[2:]: step for step in joins or trunk[1:]}
    places = {step: place for place, step in enumerate(trunk)}
    return [skip_activations(nodes, trunk, places[end]) for end in list(ends.values())[:-1]]


def skip_activations(nodes: list[Node], trunk: list[int], place: int) -> int:
    """Return the step at `place` of the trunk, or the last of the activations right behind it."""
    elementwise = (*ACTIVATIONS, *NORMS) if nodes[trunk[place]].call is torch.cat else ACTIVATIONS
    while place + 1 < len(trunk):
        following = nodes[trunk[place + 1]]
        if not (is_call_to(following, elementwise) or following.passes):
            break
        place += 1
    return trunk[place]


def find_trunk(nodes: list[Node]) -> list[int]:
    """Return the steps that every way from the input to the last step goes through, in order."""
    needed = sorted(find_ancestors(nodes, len(nodes) - 1))
    shared, reach = [], 0  # reach: the farthest step that anything before the present one feeds
    farthest = {source: step for step in needed for source in nodes[step].sources}
    for step in needed:
        if reach <= step:
            shared.append(step)
        reach = max(reach, farthest.get(step, step))
    return shared


PLACEMENTS: dict[str, Callable[[list[Node]], list[int]]] = {
    "residual": find_residual_branch_ends,
    "stage": find_stage_ends,
    "conv": find_conv_block_ends,
}
