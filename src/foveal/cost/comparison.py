"""What several networks cost, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foveal.cost.cost_tables import MB, gate_timing_table, site_table, timing_table
from foveal.cost.report import CostReport
from foveal.cost.totals import Totals
from foveal.text_tables import Table, html_table, render_markdown

HEADINGS = ("network", "parameters", "MACs, millions", "elements, millions", "kept, MB")
FORMS = (",.0f", ",.3f", ",.3f", ",.3f")
DEAREST = 2  # kinds of gates shown of each network


@dataclass(frozen=True)
class CostComparison:
    """Reports of several networks by name; printed, it is one row a network."""

    reports: Mapping[str, CostReport]

    def to_dict(self) -> dict[str, Any]:
        """Return all reports in numbers, words, lists and dicts, as JSON has them."""
        return {name: report.to_dict() for name, report in self.reports.items()}

    def tables(self) -> list[Table]:
        """Return the tables: the sums, the dearest gates of each, the times."""
        found = [sums_table(self.reports)]
        sites = {name: report.sites for name, report in self.reports.items() if report.sites}
        if sites:
            found.append(site_table(sites, DEAREST))
        if all(report.timings for report in self.reports.values()):
            timings = {name: report.timings for name, report in self.reports.items()}
            plain = next((r.plain for r in self.reports.values() if r.plain is not None), None)
            under = next(iter(self.reports.values())).conditions.text
            found.append(
                timing_table(timings, None if plain is None else plain.timings, under=under)
            )
            if sites:
                found.append(gate_timing_table(sites, DEAREST))
        return found

    def markdown(self) -> str:
        """Return the tables in Markdown."""
        return "\n\n".join(render_markdown(table) for table in self.tables())

    def __str__(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        """Return the tables for a notebook."""
        return "".join(html_table(table) for table in self.tables())


def sums_table(reports: Mapping[str, CostReport]) -> Table:
    """Return one row a network, and how much that is more than the baseline."""
    rows: list[tuple[str, ...]] = []
    for name, report in reports.items():
        plain = report.plain
        before = [0.0] * 4 if plain is None else columns(plain.totals)
        cells = zip(columns(report.totals), before, FORMS, strict=True)
        rows.append((name, *(with_rise(value, base, form=form) for value, base, form in cells)))
        if report.peak is not None:
            rows[-1] = (*rows[-1], f"{report.peak / MB:,.1f}")
    against = "In brackets against none. " if any(r.plain for r in reports.values()) else ""
    missing = sorted({kind for report in reports.values() for kind in report.totals.uncounted})
    batch = next(iter(reports.values())).conditions.batch_size
    return Table(
        f"For a batch of {batch}",
        (*HEADINGS, "peak, MB") if len(rows[0]) > len(HEADINGS) else HEADINGS,
        tuple(rows),
        f"{against}Elements: worked on outside convolutions and matrix products. "
        f"Kept: for the backward pass. Not counted: {', '.join(missing) or 'nothing'}.",
    )


def columns(totals: Totals) -> list[float]:
    """Return what the row of a network shows."""
    millions = totals.macs / 1e6, totals.element_operations / 1e6
    return [totals.parameters, *millions, totals.kept / MB]


def with_rise(value: float, before: float, *, form: str = ",") -> str:
    """Return a number, and by how many percent it is above another.

    >>> with_rise(110, 100), with_rise(5, 0)
    ('110 (+10.0 %)', '5')
    """
    text = format(value, form)
    if not before or value == before:
        return text
    rise = 100 * (value / before - 1)
    return f"{text} ({rise:+.1f} %)" if abs(rise) >= 0.05 else f"{text} ({rise:+.2g} %)"
