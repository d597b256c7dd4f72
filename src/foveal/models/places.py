"""Places: maps of a network that a placement selects for a gate, before a module is chosen that holds it."""

from __future__ import annotations

from dataclasses import dataclass

from foveal.models.tracing import Trace


@dataclass(frozen=True)
class Place:
    """A map that a gate should weight.

    Attributes:
        index: the node that computes it.
        alternatives: nodes that compute nearly the same map, in order of preference, for the case that no
            module holds the first one.
        reason: why the placement leaves it out; empty if it does not.
    """

    index: int
    alternatives: tuple[int, ...] = ()
    reason: str = ""


def collect_ancestors(trace: Trace, index: int) -> set[int]:
    """Return a node and all nodes that it depends on, as indices."""
    ancestors, pending = set[int](), [index]
    while pending:
        index = pending.pop()
        if index not in ancestors:
            ancestors.add(index)
            pending.extend(trace.nodes[index].sources)
    return ancestors
