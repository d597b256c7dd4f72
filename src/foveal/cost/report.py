"""What one network costs: its layers, its sums, its gates, its times."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from foveal.cost.cost_tables import (
    gate_timing_table,
    layer_table,
    site_table,
    timing_table,
    totals_table,
)
from foveal.cost.layers import Layer
from foveal.cost.sites import SiteCost
from foveal.cost.timing import Timing
from foveal.cost.totals import Totals
from foveal.text_tables import Table, html_table, render_markdown


@dataclass(frozen=True)
class Conditions:
    """Under what a report was made. `counted_on` is `meta` where nothing had to be computed to count."""

    input_shapes: tuple[tuple[int, ...], ...]
    batch_size: int
    device: str
    device_name: str
    threads: int
    precision: str
    memory_format: str
    counted_on: str
    torch: str

    @property
    def text(self) -> str:
        """What a time needs beside it."""
        return (
            f"{self.device_name}, {self.threads} threads, {self.precision}, {self.memory_format}, "
            f"torch {self.torch}"
        )


@dataclass(frozen=True)
class CostReport:
    """What one network costs for one batch; printed, it is the table of its layers and its sums.

    `sites` has a row a gate, the one that makes the network keep most first. `peak` is in bytes, None where
    the device does not tell. `plain` is the same without gates, or the baseline that this one was compared
    with; None where there is none. Its times were taken in turns with these.
    """

    model: str
    conditions: Conditions
    totals: Totals
    layers: tuple[Layer, ...] = field(repr=False)
    sites: tuple[SiteCost, ...] = field(default=(), repr=False)
    timings: tuple[Timing, ...] = ()
    peak: int | None = None
    plain: CostReport | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in numbers, words, lists and dicts, as JSON has them."""
        told = asdict(self.totals) | {
            "element_operations": self.totals.element_operations,
            "forward_backward": self.totals.forward_backward,
            "estimated": self.totals.estimated,
        }
        return {
            "model": self.model,
            "conditions": asdict(self.conditions),
            "totals": told,
            "peak": self.peak,
            "layers": [asdict(layer) for layer in self.layers],
            "sites": [asdict(site) for site in self.sites],
            "timings": [timing_dict(self, timing) for timing in self.timings],
            "plain": None if self.plain is None else self.plain.model,
        }

    def markdown(self, *, depth: int | None = None) -> str:
        """Return the tables in Markdown, the layers down to `depth` levels."""
        return "\n\n".join(render_markdown(table) for table in self.tables(depth=depth))

    def tables(self, *, depth: int | None = None) -> list[Table]:
        """Return the tables that have rows: layers, sums, gates, times."""
        found = [layer_table(self.layers, depth=depth), totals_table(self.totals, self.peak)]
        if self.sites:
            found.append(site_table({self.model: self.sites}))
        if self.timings:
            plain = None if self.plain is None else self.plain.timings
            found.append(
                timing_table({self.model: self.timings}, plain, under=self.conditions.text)
            )
            if self.sites:
                found.append(gate_timing_table({self.model: self.sites}))
        return found

    def __str__(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        """Return the tables for a notebook."""
        return "".join(html_table(table) for table in self.tables())


def timing_dict(report: CostReport, timing: Timing) -> dict[str, Any]:
    """Return a timing with its quartiles, and those of its ratio to the baseline."""
    found = {**asdict(timing), "quartiles": timing.quartiles, "over_plain": None}
    if report.plain is not None:
        same = report.plain.timings[report.timings.index(timing)]
        found["over_plain"] = timing.over(same)
    return found
