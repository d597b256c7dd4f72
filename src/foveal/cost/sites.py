"""What each gate adds to a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from foveal.attention.inserted import site_of
from foveal.cost.ablation import is_within, outermost_gates
from foveal.cost.conditions import Setting
from foveal.cost.layers import Layer
from foveal.cost.profiling import Held
from foveal.cost.timing import Timing, time_gates


@dataclass(frozen=True)
class SiteCost:
    """What one gate adds for one batch.

    `kept` is what the network keeps for its backward pass less what it keeps without this gate, in
    bytes; a gate that makes others keep less would count negative. `shape` is what the gate weighs. The times
    are those of the gate alone on such maps, None where none were taken: inference, and forward and
    backward in training.
    """

    site: str
    gate: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    kept: int
    macs: int
    element_operations: int
    inference: Timing | None = None
    training: Timing | None = None

    @property
    def likeness(self) -> tuple[object, ...]:
        """What gates have in common that add the same."""
        return (
            self.kind,
            self.shape,
            self.parameters,
            self.kept,
            self.macs,
            self.element_operations,
        )


def sites_of(model: nn.Module, layers: Sequence[Layer], held: Held) -> list[SiteCost]:
    """Return what each gate adds, the one that makes the network keep most first."""
    sites = []
    for name in outermost_gates(model):
        rows = [row for row in layers if is_within(row.name, name)]
        sites.append(
            SiteCost(
                site=site_of(name),
                gate=name,
                kind=rows[0].kind,
                shape=rows[0].shapes[0] if rows[0].shapes else (),
                parameters=sum(row.parameters for row in rows),
                kept=held.added.get(name, 0),
                macs=sum(row.macs for row in rows),
                element_operations=sum(sum(row.elements.values()) for row in rows),
            )
        )
    return sorted(sites, key=lambda site: -site.kept)


def timed(model: nn.Module, sites: Sequence[SiteCost], setting: Setting) -> list[SiteCost]:
    """Return the gates with the time of each alone; of those that add the same, one is timed for all."""
    first = {site.likeness: site for site in reversed(sites) if site.shape}  # and so was called
    arms = {site.gate: (model.get_submodule(site.gate), site.shape) for site in first.values()}
    times = time_gates(arms, setting)
    found = {likeness: times[site.gate] for likeness, site in first.items()}
    return [
        replace(site, inference=both[0], training=both[1])
        if (both := found.get(site.likeness)) is not None
        else site
        for site in sites
    ]
