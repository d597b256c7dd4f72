"""Ends of stages: the parts of a network that run at one height and width."""

from __future__ import annotations

from foveal.models.node_kinds import (
    ACTIVATIONS,
    NORMS,
    get_area,
    is_call_to,
    is_concatenation,
    is_feature_map,
    is_merge,
)
from foveal.models.places import Place, collect_ancestors
from foveal.models.score_maps import find_score_maps
from foveal.models.tracing import Trace


def find_stage_ends(trace: Trace) -> list[Place]:
    """Return the end of each stage except the last (as in BAM).

    A stage is the part of the network that runs at one height and width. It ends with the last node
    that all paths through the network share. If the network has merges (additions, concatenations),
    this is the last merge of the stage with the activation after it; after a concatenation, the norm
    too. Then the stem, which has no merge, is not a stage. In a network that enlarges maps again, or has
    several outputs, the paths are those to its smallest maps. Maps of scores belong to no stage.
    """
    scores = find_score_maps(trace)
    trunk = [index for index in _find_longest_trunk(trace) if index not in scores]
    merges = [index for index in trunk if is_merge(trace.nodes[index], trace.nodes)]
    ends = {trace.nodes[index].shape[2:]: index for index in merges or trunk[1:]}
    places = []
    for end in list(ends.values())[:-1]:
        position = _skip_activations(trace, trunk, trunk.index(end))
        size = trace.nodes[end].shape[2:]
        later = [i for i in trunk[position + 1 :] if trace.nodes[i].shape[2:] == size]
        places.append(Place(trunk[position], tuple(reversed(later))))
    return places


def _find_longest_trunk(trace: Trace) -> list[int]:
    """Return the feature maps on all paths to the output, or to the smallest map if these have more sizes."""
    reached = set[int]().union(*(collect_ancestors(trace, index) for index in trace.outputs))
    maps = [index for index in sorted(reached) if min(trace.nodes[index].shape[2:], default=0) > 1]
    maps = [index for index in maps if is_feature_map(trace.nodes[index])]
    smallest = min(maps, key=lambda index: (get_area(trace.nodes[index]), -index), default=None)
    targets = [len(trace.nodes) - 1, *([] if smallest is None else [smallest])]
    trunks = [
        [index for index in _find_trunk(trace, target) if is_feature_map(trace.nodes[index])]
        for target in targets
    ]
    return max(trunks, key=lambda trunk: len({trace.nodes[index].shape[2:] for index in trunk}))


def _skip_activations(trace: Trace, trunk: list[int], position: int) -> int:
    """Return the position of the last activation directly after a position of the trunk, or the position."""
    after_concatenation = is_concatenation(trace.nodes[trunk[position]])
    elementwise = (*ACTIVATIONS, *NORMS) if after_concatenation else ACTIVATIONS
    while position + 1 < len(trunk):
        following = trace.nodes[trunk[position + 1]]
        if not (is_call_to(following, elementwise) or following.returns_input):
            break
        position += 1
    return position


def _find_trunk(trace: Trace, target: int) -> list[int]:
    """Return the nodes that every path from the input to a node contains, in order."""
    needed = sorted(collect_ancestors(trace, target))
    trunk, farthest_consumer = [], 0  # of all nodes before the current one
    last_consumer = {source: index for index in needed for source in trace.nodes[index].sources}
    for index in needed:
        if farthest_consumer <= index:
            trunk.append(index)
        farthest_consumer = max(farthest_consumer, last_consumer.get(index, index))
    return trunk
