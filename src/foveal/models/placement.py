"""Where attention can stand in a network: each place is a rule that picks steps of its trace."""

from __future__ import annotations

from collections.abc import Callable

import torch

from foveal.models.node_kinds import (
    ACTIVATIONS,
    CONVOLUTIONS,
    NORMS,
    hands_on,
    is_addition,
    is_join,
    is_kind,
    is_map,
    is_norm,
)
from foveal.models.tracing import Node


def behind_conv_blocks(nodes: list[Node]) -> list[int]:
    """After the activation of each conv - norm - activation block, before any pooling."""
    return [
        step
        for step, node in enumerate(nodes)
        if is_kind(node, ACTIVATIONS)
        and is_map(node)
        and (convolution := convolution_before(nodes, node)) is not None
        and not works_on_pooled(nodes, convolution)
    ]


def convolution_before(nodes: list[Node], node: Node) -> Node | None:
    """Return the convolution whose output is the input of `node`, norms between them aside."""
    while len(node.sources) == 1:
        node = nodes[node.sources[0]]
        if is_kind(node, CONVOLUTIONS):
            return node
        if not (is_norm(node) or hands_on(node)):
            return None
    return None


def works_on_pooled(nodes: list[Node], convolution: Node) -> bool:
    """Say whether a convolution is a linear layer on pooled values, as in squeeze and excitation."""
    kernel = getattr(convolution.call, "kernel_size", None)
    return kernel == (1, 1) and nodes[convolution.sources[0]].shape[2:] == (1, 1)


def in_residual_branches(nodes: list[Node]) -> list[int]:
    """At the end of each residual branch, after its last norm and before the addition (CBAM's place)."""
    ends = [branch_end(nodes, node) for node in nodes if is_addition(node, nodes)]
    return sorted({end for end in ends if end is not None})


def branch_end(nodes: list[Node], addition: Node) -> int | None:
    """Return the last step of the longer of two ways into an addition, without what scales it.

    None where that way has no convolution: then it is no residual branch.
    """
    ways = [ancestors(nodes, source) for source in addition.sources]
    alone = [ways[0] - ways[1], ways[1] - ways[0]]
    branch = 0 if len(alone[0]) >= len(alone[1]) else 1
    if not any(is_kind(nodes[step], CONVOLUTIONS) for step in alone[branch]):
        return None
    step = addition.sources[branch]
    while hands_on(nodes[step]) and not is_norm(nodes[step]):
        step = nodes[step].sources[0]
    return step


def ancestors(nodes: list[Node], step: int) -> set[int]:
    """Return `step` and every step that it depends on."""
    found, waiting = set[int](), [step]
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(nodes[step].sources)
    return found


def at_stage_ends(nodes: list[Node]) -> list[int]:
    """At the end of each stage but the last (BAM's place).

    A stage is what runs at one height and width. It ends with the last step that all ways through
    the network share: with its last joining of ways (an addition, a concatenation) where the network
    has any, and the activation behind that (behind a concatenation, its norm and activation). What
    has no joining then, the stem, is no stage.
    """
    trunk = [step for step in shared_by_all_ways(nodes) if is_map(nodes[step])]
    joins = [step for step in trunk if is_join(nodes[step], nodes)]
    ends = {nodes[step].shape[2:]: step for step in joins or trunk[1:]}
    places = {step: place for place, step in enumerate(trunk)}
    return [behind_activation(nodes, trunk, places[end]) for end in list(ends.values())[:-1]]


def behind_activation(nodes: list[Node], trunk: list[int], place: int) -> int:
    """Return the step at `place` of the trunk, or the last of the activations right behind it."""
    elementwise = (*ACTIVATIONS, *NORMS) if nodes[trunk[place]].call is torch.cat else ACTIVATIONS
    while place + 1 < len(trunk):
        following = nodes[trunk[place + 1]]
        if not (is_kind(following, elementwise) or following.passes):
            break
        place += 1
    return trunk[place]


def shared_by_all_ways(nodes: list[Node]) -> list[int]:
    """Return the steps that every way from the input to the last step goes through, in order."""
    needed = sorted(ancestors(nodes, len(nodes) - 1))
    shared, reach = [], 0  # reach: the farthest step that anything before the present one feeds
    farthest = {source: step for step in needed for source in nodes[step].sources}
    for step in needed:
        if reach <= step:
            shared.append(step)
        reach = max(reach, farthest.get(step, step))
    return shared


PLACES: dict[str, Callable[[list[Node]], list[int]]] = {
    "residual": in_residual_branches,
    "stage": at_stage_ends,
    "conv": behind_conv_blocks,
}
