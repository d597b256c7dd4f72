"""Cost reports: the measured costs of one network, and of several networks side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from foveal.cost.breakdown import Layer, SiteCost, Totals
from foveal.cost.conditions import Conditions
from foveal.cost.cost_tables import (
    make_gate_timing_table,
    make_layer_table,
    make_networks_table,
    make_site_table,
    make_timing_table,
    make_totals_table,
)
from foveal.cost.timing import Timing
from foveal.text_tables import Table, render_html, render_markdown

_MAX_GATE_GROUPS: Final = 2  # per network in a comparison


@dataclass(frozen=True)
class CostReport:
    """Cost of one network for one batch; it prints as tables of its layers and totals.

    `sites` has one row per gate, in descending order of saved bytes. `peak_bytes` is None if the device does
    not report it. `baseline` is the report of the same network without gates, or of the baseline in a
    comparison; None if there is none. The times of both were measured in interleaved rounds.
    """

    model: str
    conditions: Conditions
    totals: Totals
    layers: tuple[Layer, ...] = field(repr=False)
    sites: tuple[SiteCost, ...] = field(default=(), repr=False)
    timings: tuple[Timing, ...] = ()
    peak_bytes: int | None = None
    baseline: CostReport | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        totals = asdict(self.totals) | {
            "element_operations": self.totals.element_operations,
            "forward_backward_bytes": self.totals.forward_backward_bytes,
            "estimated_bytes": self.totals.estimated_bytes,
        }
        return {
            "model": self.model,
            "conditions": asdict(self.conditions),
            "totals": totals,
            "peak_bytes": self.peak_bytes,
            "layers": [asdict(layer) for layer in self.layers],
            "sites": [asdict(site) for site in self.sites],
            "timings": [
                _timing_to_dict(timing, self.find_baseline_timing(timing))
                for timing in self.timings
            ],
            "baseline": None if self.baseline is None else self.baseline.model,
        }

    def find_baseline_timing(self, timing: Timing) -> Timing | None:
        """Return the baseline's time of the same task."""
        if self.baseline is None:
            return None
        return self.baseline.timings[self.timings.index(timing)]

    def to_tables(self, *, depth: int | None = None) -> list[Table]:
        """Return the tables that have rows: layers down to `depth` levels, totals, gates, times."""
        tables = [
            make_layer_table(self.layers, depth=depth),
            make_totals_table(self.totals, self.peak_bytes),
        ]
        sites = {self.model: self.sites} if self.sites else {}
        if sites:
            tables.append(make_site_table(sites))
        if self.timings:
            timings = {self.model: self.timings}
            baseline = None if self.baseline is None else self.baseline.timings
            tables.append(make_timing_table(timings, baseline, conditions=self.conditions.text))
            if sites:
                tables.append(make_gate_timing_table(sites))
        return tables

    def to_markdown(self, *, depth: int | None = None) -> str:
        """Return the tables in Markdown, with layers down to `depth` levels."""
        return "\n\n".join(render_markdown(table) for table in self.to_tables(depth=depth))

    def __str__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        """Return the tables for a notebook, without the layers, which `print` lists."""
        return "".join(render_html(table) for table in self.to_tables()[1:])


@dataclass(frozen=True)
class CostComparison:
    """Cost reports of several networks by name; it prints as a table with one row per network."""

    reports: Mapping[str, CostReport]

    def to_dict(self) -> dict[str, Any]:
        """Return all reports as JSON types."""
        return {name: report.to_dict() for name, report in self.reports.items()}

    def to_tables(self) -> list[Table]:
        """Return the tables that have rows: sums, the most expensive gates of each network, times."""
        reports = self.reports
        conditions = next(iter(reports.values())).conditions
        baselines = {
            name: report.baseline for name, report in reports.items() if report.baseline is not None
        }
        tables = [
            make_networks_table(
                {name: report.totals for name, report in reports.items()},
                {name: baseline.totals for name, baseline in baselines.items()},
                {name: report.peak_bytes for name, report in reports.items()},
                batch_size=conditions.batch_size,
            )
        ]
        sites = {name: report.sites for name, report in reports.items() if report.sites}
        if sites:
            tables.append(make_site_table(sites, _MAX_GATE_GROUPS))
        if all(report.timings for report in reports.values()):
            timings = {name: report.timings for name, report in reports.items()}
            baseline = next((baseline.timings for baseline in baselines.values()), None)
            tables.append(make_timing_table(timings, baseline, conditions=conditions.text))
            if sites:
                tables.append(make_gate_timing_table(sites, _MAX_GATE_GROUPS))
        return tables

    def to_markdown(self) -> str:
        """Return the tables in Markdown."""
        return "\n\n".join(render_markdown(table) for table in self.to_tables())

    def __str__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        """Return the tables for a notebook."""
        return "".join(render_html(table) for table in self.to_tables())


def _timing_to_dict(timing: Timing, baseline: Timing | None) -> dict[str, Any]:
    """Return a timing with its quartiles and those of its ratio to the baseline."""
    return {
        **asdict(timing),
        "quartiles": timing.quartiles,
        "ratio_to_baseline": None if baseline is None else timing.ratio_to(baseline),
    }
