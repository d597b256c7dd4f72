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


def study_table(part: StudyRecord, found: list[Comparison]) -> Table:
    """Return one row a variant: accuracy, difference to `none` with its interval, and the verdict."""
    heading = f"{percent(found[0].level)} % interval" if found else "interval"
    data = part.runs[0].results["data"] if part.runs else "no images yet"
    title = f"Test accuracy on {data}, final epoch"
    if part.cell and part.cell.label:
        title += f": {part.cell.label}"
    table = Table(
        title=escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("variant", overflow="fold")
    for name in ("seeds", "accuracy", "sd", "difference"):
        table.add_column(name, justify="right")
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    by_variant = {comparison.variant: comparison for comparison in found}
    for variant in part.variants:
        accuracies = [run.results["test_accuracy"] for run in part.runs_of(variant)]
        if accuracies:
            table.add_row(*row(variant, accuracies, by_variant.get(variant)))
    return table


def percent(level: float) -> str:
    """Write the level of an interval in percent, with as many places as it needs.

    >>> percent(0.95), percent(0.9875), percent(1 - 0.05 / 3)
    ('95', '98.75', '98.3333')
    """
    return f"{level:.4%}".rstrip("0%").rstrip(".")


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
