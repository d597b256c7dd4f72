"""From a place to modules: which ones can hold a gate there."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from foveal.errors import UsageError
from foveal.models.node_kinds import is_map, is_norm
from foveal.models.placement import PLACES
from foveal.models.tracing import Node

Where = str | Callable[[str, nn.Module], bool]
# Their forward runs through whatever children they have: a gate would be run as one of them.
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Site:
    """One place for a gate: the module whose output it weighs, and the shape of that output."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """C of the feature map."""
        return self.shape[1]


def find_sites(nodes: list[Node], where: Where) -> list[Site]:
    """Return the sites of `where` in the order of the forward pass.

    Raises:
        UsageError: the network has no such place, or no module there can hold a gate.
    """
    calls = Counter(name for node in nodes for name, _ in modules_of(node))
    if not isinstance(where, str):
        return named_sites(nodes, calls, where, "the function")
    found: dict[int, Site] = {}
    named: list[Site] = []
    for place in where.split("+"):
        if place in PLACES:
            steps = PLACES[place](nodes)
            if not steps:
                raise no_place(nodes, place)
            found |= {step: site_at(nodes[step], calls, place) for step in steps}
        else:
            named += named_sites(nodes, calls, matches(place), repr(place))
    sites = [found[step] for step in sorted(found)] + named
    return list({site.name: site for site in sites}.values())


def modules_of(node: Node) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that returned the output of a step, innermost first."""
    if isinstance(node.call, nn.Module):
        yield node.name, node.call
    yield from node.owners


def site_at(node: Node, calls: Counter[str], place: str) -> Site:
    """Return the innermost module that can hold a gate behind a step, a norm if one ends there."""
    candidates = [
        (name, module)
        for name, module in modules_of(node)
        if name and calls[name] == 1 and not isinstance(module, CONTAINERS)
    ]
    if not candidates:
        count = calls.get(node.name, 0)
        called = f"is called {count} times" if count else "is a function, not a module"
        raise UsageError(
            f"A gate at {place!r} would stand behind {node.name!r}, which {called}: "
            "name modules that are called once by a pattern, such as where='layer*.bn1'."
        )
    norms = [pair for pair in candidates if is_norm(Node(pair[0], pair[1], (), ()))]
    name, _ = (norms or candidates)[0]
    return Site(name, node.shape)


def matches(pattern: str) -> Callable[[str, nn.Module], bool]:
    """Return whether a module's name fits a pattern with `*`, `?` and `[...]`."""
    return lambda name, _: fnmatch.fnmatchcase(name, pattern)


def named_sites(
    nodes: list[Node], calls: Counter[str], wanted: Callable[[str, nn.Module], bool], what: str
) -> list[Site]:
    """Return the modules that are wanted, each of them able to hold one gate."""
    sites = []
    for node in nodes[1:]:
        for name, module in modules_of(node):
            if name and wanted(name, module):
                check_site(node, name, module, calls)
                sites.append(Site(name, node.shape))
    if not sites:
        raise UsageError(
            f"No module of the network is chosen by {what}; it has the places "
            f"{', '.join(places_of(nodes)) or 'none by name'}."
        )
    return sites


def check_site(node: Node, name: str, module: nn.Module, calls: Counter[str]) -> None:
    """Refuse a module that cannot hold one gate for feature maps."""
    if calls[name] > 1:
        raise UsageError(f"{name!r} is called {calls[name]} times: it cannot hold one gate.")
    if isinstance(module, CONTAINERS):
        raise UsageError(
            f"{name!r} runs through its children, and a gate would be one: name its last child."
        )
    if not is_map(node):
        raise UsageError(f"{name!r} returns {node.shape}, and a gate weighs (N, C, H, W).")


def places_of(nodes: list[Node]) -> list[str]:
    """Return the places by name that the network has."""
    return [place for place in PLACES if PLACES[place](nodes)]


def no_place(nodes: list[Node], place: str) -> UsageError:
    """Return the error for a place that the network does not have."""
    others = places_of(nodes)
    has = f"It has {' and '.join(map(repr, others))}" if others else "It has none of the others"
    return UsageError(
        f"The network has no place {place!r} for attention. {has}, and its modules can be chosen by "
        "a name pattern."
    )
