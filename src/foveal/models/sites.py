"""Sites: the modules of a network that hold one gate each, selected by `where`."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from foveal.attention.inserted import get_gate
from foveal.errors import UsageError, bad_parameter
from foveal.models.holders import (
    Holder,
    describe_node,
    explain_if_not_holder,
    explain_missing_holder,
    list_holders,
)
from foveal.models.placement import PLACEMENTS, has_places
from foveal.models.places import Place
from foveal.models.skipped_sites import (
    TAKEN_REASON,
    SkippedSite,
    join_placements,
    make_no_placement_error,
    make_no_site_error,
)
from foveal.models.tracing import Trace

ModulePredicate = Callable[[str, nn.Module], bool]
Where = str | ModulePredicate | Sequence[str | ModulePredicate]


@dataclass(frozen=True)
class Site:
    """A site for one gate: the module that holds it, and the shape of the map that it weights.

    Attributes:
        name: name of the module.
        shape: shape of the map.
        position: `output`, or `input` if the gate weights the input of the module.
        negative_slope: for a gate at the layer before a ReLU (0) or LeakyReLU, the slope of this activation
            below zero: the gate computes its factors from the map after it; otherwise None.
        dtype: dtype of the gate.
        device: device of the gate.
    """

    name: str
    shape: tuple[int, ...]
    position: str = "output"
    negative_slope: float | None = None
    dtype: torch.dtype = field(default=torch.float32, compare=False, repr=False)
    device: torch.device = field(default=torch.device("cpu"), compare=False, repr=False)

    @property
    def channels(self) -> int:
        """C of the feature map."""
        return self.shape[1]

    @property
    def label(self) -> str:
        """The name of the module, and the side of it at which the gate is unless it follows the module."""
        if self.negative_slope is not None:
            return f"{self.name} (before {'LeakyReLU' if self.negative_slope else 'ReLU'})"
        return f"{self.name} (input)" if self.position == "input" else self.name


def find_sites(
    model: nn.Module, trace: Trace, where: Where, *, has_positive_factor: bool
) -> tuple[list[Site], list[SkippedSite]]:
    """Return the sites that `where` selects in the order of the forward pass, and the places left out.

    Args:
        model: the network.
        trace: its trace.
        where: see `insert`.
        has_positive_factor: whether the gates weight by positive factors, see `AttentionEntry`.

    Raises:
        UsageError: the network has no such sites, or no module can hold a gate at any of them.
    """
    placed: list[tuple[int, Site]] = []
    named: list[Site] = []
    skipped: list[SkippedSite] = []
    for part in split_where(where):
        if isinstance(part, str) and part in PLACEMENTS:
            pairs = _find_placed_sites(trace, part, has_positive_factor=has_positive_factor)
            placed += [(index, site) for index, site in pairs if isinstance(site, Site)]
            skipped += [site for _, site in pairs if isinstance(site, SkippedSite)]
        else:
            selected = _select_modules(model, trace, part)
            named += [site for site in selected if isinstance(site, Site)]
            skipped += [site for site in selected if isinstance(site, SkippedSite)]
    placed.sort(key=lambda pair: pair[0])
    sites, conflicts = _resolve_conflicts(model, [*(site for _, site in placed), *named])
    skipped = list(dict.fromkeys([*skipped, *conflicts]))
    if not sites:
        raise make_no_site_error(trace, format_where(where), skipped)
    return sites, skipped


def _find_placed_sites(
    trace: Trace, placement: str, *, has_positive_factor: bool
) -> list[tuple[int, Site | SkippedSite]]:
    """Return the sites of a placement, or the reasons against them, with the nodes of their places.

    Raises:
        UsageError: the network has no such places.
    """
    places = PLACEMENTS[placement](trace)
    if not places:
        raise make_no_placement_error(trace, placement)
    return [
        (place.index, _choose_site(trace, place, has_positive_factor=has_positive_factor))
        for place in places
    ]


def _resolve_conflicts(
    model: nn.Module, candidates: list[Site]
) -> tuple[list[Site], list[SkippedSite]]:
    """Return at most one site for each module, and the sites that are left out because of another gate."""
    sites: dict[str, Site] = {}
    conflicts = []
    for site in candidates:
        first = sites.setdefault(site.name, site)
        if get_gate(model.get_submodule(site.name)) is not None:
            del sites[site.name]
            conflicts.append(SkippedSite(site.name, TAKEN_REASON))
        elif (first.position, first.negative_slope) != (site.position, site.negative_slope):
            conflicts.append(SkippedSite(site.label, "belongs to a module that gets another gate"))
    return list(sites.values()), conflicts


def choose_default_where(trace: Trace, paper_where: str, *, has_positive_factor: bool) -> str:
    """Return the sites of the paper, or `conv` in a network without residual blocks.

    If the network has no such sites, this is the first of the other placements that has some.
    """
    order = ["conv", "stage"]
    if has_places(trace, "residual"):
        order = [paper_where, "residual", *order]

    def has_sites(placement: str) -> bool:
        sites = (
            _choose_site(trace, place, has_positive_factor=has_positive_factor)
            for place in PLACEMENTS[placement](trace)
        )
        return any(isinstance(site, Site) for site in sites)

    return next((placement for placement in order if has_sites(placement)), order[0])


def split_where(where: Where) -> list[str | ModulePredicate]:
    """Return the parts of `where`: placements, patterns and functions.

    >>> split_where(["residual+stage", "conv?"])
    ['residual', 'stage', 'conv?']
    """
    if isinstance(where, str):
        return list(where.split("+"))
    if callable(where):
        return [where]
    if not isinstance(where, Sequence) or not where:
        raise bad_parameter("where", "a placement, a pattern, a function, or a list of them", where)
    return [part for each in where for part in split_where(each)]


def format_where(where: Where) -> str:
    """Return `where` as text; a function is given by its name."""
    parts = split_where(where)
    return "+".join(
        part if isinstance(part, str) else getattr(part, "__name__", "a function") for part in parts
    )


def _choose_site(trace: Trace, place: Place, *, has_positive_factor: bool) -> Site | SkippedSite:
    """Return the site of the best module that can hold a gate at a place, or the reason why there is none."""
    name = describe_node(trace.nodes[place.index])
    if place.reason:
        return SkippedSite(name, place.reason)
    holders = [
        holder
        for index in (place.index, *place.alternatives)
        for holder in list_holders(trace, index, has_positive_factor=has_positive_factor)
    ]
    if holders:  # a module that returns the map has priority over one that takes it
        return _make_site(trace, min(holders, key=lambda holder: holder.position == "input"))
    reason = explain_missing_holder(trace, place.index, has_positive_factor=has_positive_factor)
    return SkippedSite(name, reason)


def _make_site(trace: Trace, holder: Holder) -> Site:
    """Return the site of a holder."""
    node = trace.nodes[holder.index]
    return Site(
        holder.name, node.shape, holder.position, holder.negative_slope, node.dtype, node.device
    )


def _select_modules(
    model: nn.Module, trace: Trace, part: str | ModulePredicate
) -> list[Site | SkippedSite]:
    """Return the modules that a pattern or a function selects, as sites or with the reason against it."""
    is_selected = _make_name_filter(part) if isinstance(part, str) else part
    selected: list[Site | SkippedSite] = []
    for index, node in enumerate(trace.nodes):
        for name, module in node.list_modules():
            if index and name and is_selected(name, module):
                reason = explain_if_not_holder(trace, node, name, module)
                site = _make_site(trace, Holder(name, index))
                selected.append(SkippedSite(name, reason) if reason else site)
    if selected:
        return selected
    for name, module in model.named_modules():
        if name and is_selected(name, module):
            return [SkippedSite(name, "did not run, or returns something other than one tensor")]
    selector = repr(part) if isinstance(part, str) else "the function"
    raise UsageError(
        f"No module of the network is selected by {selector}. "
        f"It has sites for {join_placements(trace) or 'no named placement'}."
    )


def _make_name_filter(pattern: str) -> ModulePredicate:
    """Return a predicate for module names that match a pattern with `*`, `?` and `[...]`."""
    return lambda name, _: fnmatch.fnmatchcase(name, pattern)
