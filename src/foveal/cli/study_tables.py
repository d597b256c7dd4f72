"""Tables for the terminal; they fit 100 columns."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from foveal.records import StudyRecord
    from foveal.stats import Comparison

COLORS = {"better": "green", "worse": "red", "equivalent": "cyan", "undecided": "yellow"}


def study_table(part: StudyRecord, found: list[Comparison]) -> Table:
    """Return one row a variant: accuracy, difference to `none` with its interval, verdict, cost.

    Time of training and kept memory stand there where they are stored, as multiples of those of `none`.
    """
    from foveal.analysis import list_variant_costs

    heading = f"{percent(found[0].level)} %\ninterval" if found else "interval"
    data = part.runs[0].results["data"] if part.runs else "no images yet"
    title = f"Test accuracy on {data}, final epoch"
    if part.cell and part.cell.label:
        title += f": {part.cell.label}"
    costs = {cost["variant"]: cost for cost in list_variant_costs(part)}
    if "none" in costs:
        title += "; time and memory as multiples of none's"
    table = Table(
        title=escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("variant", overflow="fold")
    for name in ("seeds", "accuracy\nin %", "diff. to\nnone"):
        table.add_column(name, justify="right")
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    if "none" in costs:
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("memory", justify="right", no_wrap=True)
    by_variant = {comparison.variant: comparison for comparison in found}
    for variant in part.variants:
        accuracies = [run.results["test_accuracy"] for run in part.runs_of(variant)]
        if accuracies:
            cells = row(variant, accuracies, by_variant.get(variant))
            table.add_row(*cells, *times_none(costs, variant))
    return table


def times_none(costs: dict[str, dict[str, Any]], variant: str) -> list[str]:
    """Return time of training and kept memory as multiples of those of `none`."""
    if "none" not in costs:
        return []
    if variant not in costs:
        return ["", ""]
    names = "training_seconds", "kept"
    return [f"{costs[variant][name] / costs['none'][name]:.2f}" for name in names]


def percent(level: float) -> str:
    """Write the level of an interval in percent, with as many places as it needs.

    >>> percent(0.95), percent(0.9875), percent(1 - 0.05 / 3)
    ('95', '98.75', '98.3333')
    """
    return f"{level:.4%}".rstrip("0%").rstrip(".")


def row(variant: str, accuracies: list[float], comparison: Comparison | None) -> list[str]:
    """Return the cells of one variant."""
    mean = f"{100 * statistics.fmean(accuracies):.2f}"
    if len(accuracies) > 1:
        mean += f" ± {100 * statistics.stdev(accuracies):.2f}"
    cells = [escape(variant), str(len(accuracies)), mean]
    if comparison is None:
        return [*cells, "", "", ""]
    low, high = (100 * end for end in comparison.interval)
    interval = "" if math.isnan(low) else f"{low:+.2f} to {high:+.2f}"
    word = f"[{COLORS[comparison.verdict]}]{comparison.verdict}[/]"
    return [*cells, f"{100 * comparison.difference:+.2f}", interval, word]


def part_lines(found: list[Comparison]) -> list[str]:
    """Return one sentence a variant on what the seeds show, and on the doubt the images add."""
    if not found:
        return [
            "There is nothing to compare: differences need runs of `none` and of another variant."
        ]
    return [
        f"[bold]{escape(one.variant)}[/]: {one.verdict}, {escape(one.reason)}.{two_doubts(one)}"
        for one in found
    ]


def two_doubts(comparison: Comparison) -> str:
    """Say how much of the doubt comes from the seeds, and how much from the test images.

    The verdict is about the first: other seeds on these images.
    """
    split = comparison.split
    if split is None or math.isnan(split.seeds):
        return ""
    return (
        f" [dim]Standard error {100 * split.seeds:.2f} points from the seeds, "
        f"{100 * split.images:.2f} more from the test images.[/]"
    )


def study_lines(record: StudyRecord) -> list[str]:
    """Return what has to be said of the study as a whole."""
    margin = f"[dim]Differences in points of accuracy to `none`; margin {record.design.margin:.2f} points.[/]"
    return [*(f"[yellow]Note[/] {escape(note)}" for note in record.notes), margin]
