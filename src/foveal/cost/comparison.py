"""What several networks cost, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foveal.cost.rendering import Table, html_table, markdown_table
from foveal.cost.report import CostReport
from foveal.cost.tables import MB, site_table, timing_table

DEAREST = 3  # gates shown of each network


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
        for name, report in self.reports.items():
            if report.sites:
                table = site_table(report.sites, DEAREST)
                found.append(
                    Table(f"{name}: {table.title}", table.headings, table.rows, table.note)
                )
        if all(report.timings for report in self.reports.values()):
            timings = {name: report.timings for name, report in self.reports.items()}
            plain = next((r.plain for r in self.reports.values() if r.plain is not None), None)
            found.append(timing_table(timings, None if plain is None else plain.timings))
        return found

    def markdown(self) -> str:
        """Return the tables in Markdown."""
        return "\n\n".join(markdown_table(table) for table in self.tables())

    def __str__(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        """Return the tables for a notebook."""
        return "".join(html_table(table) for table in self.tables())


def sums_table(reports: Mapping[str, CostReport]) -> Table:
    """Return one row a network, and how much that is more than the baseline."""
    rows = []
    for name, report in reports.items():
        own, plain = report.totals, report.plain.totals if report.plain else None
        base = (0, 0, 0, 0) if plain is None else four(plain)
        cells = [with_rise(value, before) for value, before in zip(four(own), base, strict=True)]
        cells[3] = with_rise(own.kept / MB, base[3] / MB, form=",.3f")
        rows.append((name, *cells))
    missing = sorted({kind for report in reports.values() for kind in report.totals.uncounted})
    batch = next(iter(reports.values())).conditions.batch_size
    return Table(
        f"For a batch of {batch}",
        ("network", "parameters", "MACs", "element operations", "kept for backward, MB"),
        tuple(rows),
        f"In brackets against the baseline. Not counted: {', '.join(missing) or 'nothing'}.",
    )


def four(totals: Any) -> tuple[int, int, int, int]:
    """Return what the row of a network shows."""
    return totals.parameters, totals.macs, totals.element_operations, totals.kept


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
