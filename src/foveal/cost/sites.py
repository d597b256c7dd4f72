"""What each gate adds to a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from foveal.attention.standing import site_of
from foveal.cost.gates import outermost_gates
from foveal.cost.layers import Layer
from foveal.cost.passes import Pass


@dataclass(frozen=True)
class SiteCost:
    """What one gate adds for one batch.

    `kept` is what the network keeps for its backward pass less what it keeps without this gate, in
    bytes; a gate that makes others keep less would count negative. `shape` is what the gate weighs.
    """

    site: str
    gate: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    kept: int
    macs: int
    element_operations: int


def sites_of(model: nn.Module, layers: Sequence[Layer], found: Pass) -> list[SiteCost]:
    """Return what each gate adds, the one that makes the network keep most first."""
    sites = []
    for name in outermost_gates(model):
        rows = [row for row in layers if row.name == name or row.name.startswith(f"{name}.")]
        sites.append(
            SiteCost(
                site=site_of(name),
                gate=name,
                kind=rows[0].kind,
                shape=rows[0].shapes[0] if rows[0].shapes else (),
                parameters=sum(row.parameters for row in rows),
                kept=found.added.get(name, 0),
                macs=sum(row.macs for row in rows),
                element_operations=sum(sum(row.elements.values()) for row in rows),
            )
        )
    return sorted(sites, key=lambda site: -site.kept)
