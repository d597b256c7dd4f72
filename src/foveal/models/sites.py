"""Sites: the modules of a network that can hold one gate each, selected by `where`."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from foveal.errors import UsageError
from foveal.models.node_kinds import is_feature_map, is_norm
from foveal.models.placement import PLACEMENTS
from foveal.models.tracing import Node

Where = str | Callable[[str, nn.Module], bool]
# Modules whose forward calls all their children in turn, and so would call a gate as one of them.
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Site:
    """A site for one gate: the module whose output the gate weights, and the shape of that output."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """C of the feature map."""
        return self.shape[1]


def find_sites(nodes: list[Node], where: Where) -> list[Site]:
    """Return the sites that `where` selects, in the order of the forward pass.

    Raises:
        UsageError: the network has no such sites, or a selected module cannot hold a gate.
    """
    calls = Counter(name for node in nodes for name, _ in _list_modules(node))
    if not isinstance(where, str):
        return _select_sites(nodes, calls, where, "the function")
    placed: dict[int, Site] = {}
    named: list[Site] = []
    for part in where.split("+"):
        if part in PLACEMENTS:
            indices = PLACEMENTS[part](nodes)
            if not indices:
                raise _make_no_placement_error(nodes, part)
            placed |= {index: _choose_site(nodes[index], calls, part) for index in indices}
        else:
            named += _select_sites(nodes, calls, _make_name_filter(part), repr(part))
    sites = [placed[index] for index in sorted(placed)] + named
    return list({site.name: site for site in sites}.values())


def _list_modules(node: Node) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that returned the output of a node, innermost first, with their names."""
    if isinstance(node.call, nn.Module):
        yield node.name, node.call
    yield from node.containers


def _choose_site(node: Node, calls: Counter[str], placement: str) -> Site:
    """Return the innermost module that can hold a gate at the output of a node; norms have priority."""
    candidates = [
        (name, module)
        for name, module in _list_modules(node)
        if name and calls[name] == 1 and not isinstance(module, _CONTAINERS)
    ]
    if not candidates:
        count = calls.get(node.name, 0)
        reason = f"is called {count} times" if count else "is a function, not a module"
        raise UsageError(
            f"A gate for where={placement!r} would follow {node.name!r}, which {reason}. "
            "Select modules that are called once by a pattern, such as where='layer*.bn1'."
        )
    norms = [pair for pair in candidates if is_norm(Node(pair[0], pair[1], (), ()))]
    name, _ = (norms or candidates)[0]
    return Site(name, node.shape)


def _make_name_filter(pattern: str) -> Callable[[str, nn.Module], bool]:
    """Return a predicate for module names that match a pattern with `*`, `?` and `[...]`."""
    return lambda name, _: fnmatch.fnmatchcase(name, pattern)


def _select_sites(
    nodes: list[Node],
    calls: Counter[str],
    is_selected: Callable[[str, nn.Module], bool],
    selector: str,
) -> list[Site]:
    """Return the selected modules as sites, and check that each can hold one gate.

    `selector` describes the predicate in the error for an empty selection.
    """
    sites = []
    for node in nodes[1:]:
        for name, module in _list_modules(node):
            if name and is_selected(name, module):
                _require_valid_site(node, name, module, calls)
                sites.append(Site(name, node.shape))
    if not sites:
        placements = _list_placements(nodes)
        raise UsageError(
            f"No module of the network is selected by {selector}. "
            f"It has sites for {_join_placements(placements) or 'no named placement'}."
        )
    return sites


def _require_valid_site(node: Node, name: str, module: nn.Module, calls: Counter[str]) -> None:
    """Raise a `UsageError` if a module cannot hold one gate for feature maps."""
    if calls[name] > 1:
        raise UsageError(f"{name!r} is called {calls[name]} times. Choose a module called once.")
    if isinstance(module, _CONTAINERS):
        raise UsageError(
            f"{name!r} is a container and would run the gate as one of its children. "
            "Name its last child instead."
        )
    if not is_feature_map(node):
        raise UsageError(
            f"{name!r} returns shape {node.shape}. A gate needs a feature map (N, C, H, W)."
        )


def _list_placements(nodes: list[Node]) -> list[str]:
    """Return the placements for which the network has sites."""
    return [placement for placement, find_nodes in PLACEMENTS.items() if find_nodes(nodes)]


def _join_placements(placements: list[str]) -> str:
    """Return placements as a list in a sentence."""
    return " and ".join(f"where={placement!r}" for placement in placements)


def _make_no_placement_error(nodes: list[Node], placement: str) -> UsageError:
    """Return the error for a placement that has no sites in the network."""
    others = _join_placements(_list_placements(nodes))
    alternative = f"It has sites for {others}" if others else "It has none for other placements"
    return UsageError(
        f"The network has no sites for where={placement!r}. {alternative}. "
        "A name pattern selects any module, such as where='layer4.*.bn2'."
    )
