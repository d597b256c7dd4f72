"""Places without a gate, and the errors of a network in which no place has one."""

from __future__ import annotations

from dataclasses import dataclass

from foveal.attention.inserted import get_gate
from foveal.errors import UsageError
from foveal.models.holders import explain_if_not_holder
from foveal.models.node_kinds import is_activation, is_norm, is_weight_layer
from foveal.models.placement import PLACEMENTS, has_places
from foveal.models.score_maps import find_score_maps
from foveal.models.tracing import Trace

TAKEN_REASON = "already has attention"


@dataclass(frozen=True)
class SkippedSite:
    """A selected place that gets no gate, and the reason."""

    name: str
    reason: str


def make_no_placement_error(trace: Trace, placement: str) -> UsageError:
    """Return the error for a placement that has no sites in the network."""
    others = join_placements(trace)
    alternative = f"It has sites for {others}" if others else "It has none for other placements"
    return UsageError(
        f"The network has no sites for where={placement!r}. {alternative}.{_suggest_pattern(trace)}"
    )


def make_no_site_error(trace: Trace, where: str, skipped: list[SkippedSite]) -> UsageError:
    """Return the error for places without a module that can hold a gate."""
    first = next((each for each in skipped if each.reason == TAKEN_REASON), skipped[0])
    others = f" More places are left out: {len(skipped) - 1}." if len(skipped) > 1 else ""
    if first.reason == TAKEN_REASON:
        return UsageError(f"{first.name!r} {first.reason}. Remove it first.")
    return UsageError(
        f"No module can hold a gate for where={where!r}: {first.name!r} {first.reason}."
        f"{others}{_suggest_pattern(trace)}"
    )


def join_placements(trace: Trace) -> str:
    """Return the placements for which the network has sites, as a list in a sentence."""
    placements = [placement for placement in PLACEMENTS if has_places(trace, placement)]
    return " and ".join(f"where={placement!r}" for placement in placements)


def _suggest_pattern(trace: Trace) -> str:
    """Return a sentence with the name of a module that can hold a gate, the last one after a convolution."""
    scores = find_score_maps(trace)
    candidates = [
        (
            is_weight_layer(node) or is_norm(node) or is_activation(node),
            index not in scores,
            index,
            name,
        )
        for index, node in enumerate(trace.nodes)
        for name, module in node.list_modules()
        if name
        and not explain_if_not_holder(trace, node, name, module)
        and get_gate(module) is None
    ]
    if candidates:
        return f" A name pattern selects any module, such as where={max(candidates)[-1]!r}."
    return " A gate needs a module that returns a feature map (N, C, H, W) once per forward pass."
