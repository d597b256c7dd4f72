"""Placements: named rules that select nodes of a trace as places for attention."""

from __future__ import annotations

from collections.abc import Callable

from foveal.models.conv_blocks import find_conv_block_ends
from foveal.models.places import Place
from foveal.models.residual_branches import find_residual_branch_ends
from foveal.models.stages import find_stage_ends
from foveal.models.tracing import Trace

PLACEMENTS: dict[str, Callable[[Trace], list[Place]]] = {
    "residual": find_residual_branch_ends,
    "stage": find_stage_ends,
    "conv": find_conv_block_ends,
}


def has_places(trace: Trace, placement: str) -> bool:
    """Return True if a placement has at least one place that it does not leave out."""
    return any(not place.reason for place in PLACEMENTS[placement](trace))
