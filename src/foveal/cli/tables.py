"""Tables for the terminal; they fit 100 columns."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from foveal.records import StudyRecord
    from foveal.stats import Comparison

COLOURS = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "yellow"}


def study_table(record: StudyRecord, found: list[Comparison]) -> Table:
    """Return one row a variant: accuracy, difference to `none` with its interval, and the verdict."""
    level = f"{found[0].level:.4%}".rstrip("0%").rstrip(".") if found else ""
    data = record.runs[0].results["data"] if record.runs else record.config["data"]
    title = f"Test accuracy on {data}, final epoch"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    table.add_column("variant")
    for heading in ("seeds", "accuracy", "sd", "difference"):
        table.add_column(heading, justify="right")
    heading = f"{level} % interval" if level else "interval"
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    by_variant = {comparison.variant: comparison for comparison in found}
    for variant in record.variants:
        accuracies = [run.results["test_accuracy"] for run in record.runs_of(variant)]
        if accuracies:
            table.add_row(*row(variant, accuracies, by_variant.get(variant)))
    return table


def row(variant: str, accuracies: list[float], comparison: Comparison | None) -> list[str]:
    """Return the cells of one variant."""
    spread = f"{100 * statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    mean = f"{statistics.fmean(accuracies):.2%}"
    cells = [escape(variant), str(len(accuracies)), mean, spread]
    if comparison is None:
        return [*cells, "", "", ""]
    low, high = (100 * end for end in comparison.interval)
    interval = "" if math.isnan(low) else f"{low:+.2f} to {high:+.2f}"
    word = f"[{COLOURS[comparison.verdict]}]{comparison.verdict}[/]"
    return [*cells, f"{100 * comparison.difference:+.2f}", interval, word]


def verdict_lines(record: StudyRecord, found: list[Comparison]) -> list[str]:
    """Return one sentence a variant, and what has to be said of the study as a whole."""
    lines = [
        f"[bold]{escape(comparison.variant)}[/]: {comparison.verdict}, {comparison.reason}."
        for comparison in found
    ]
    if not found:
        lines.append(
            "There is nothing to compare: differences need runs of `none` and of another variant."
        )
    planned = record.config["planned_seeds"]
    seeds = max((comparison.seeds for comparison in found), default=0)
    if seeds > planned:
        lines.append(
            f"Planned for {planned} seeds and shown at {seeds}: looking again raises the rate of false alarms."
        )
    lines.append(
        "[dim]Differences in points of accuracy to `none`; margin "
        f"{100 * record.config['margin']:.2f} points.[/]"
    )
    return lines
