"""Tables and sentences about a study for the terminal, at most 100 columns wide."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.text_format import format_interval, format_level, format_points, use_minus_signs
from foveal.variant_names import BASELINE

if TYPE_CHECKING:
    from foveal.records import StudyRecord
    from foveal.stats import Comparison

_VERDICT_COLORS = {
    "better": "green",
    "worse": "red",
    "equivalent": "cyan",
    "undecided": "yellow",
}


def make_comparison_table(cell: StudyRecord, comparisons: list[Comparison]) -> Table:
    """Return the table of one cell: a row per variant with accuracy, difference, interval and verdict.

    Training time and saved memory, where they are stored, are multiples of those of `none`.
    """
    from foveal.analysis import list_variant_costs

    heading = f"{format_level(comparisons[0].level)}\ninterval" if comparisons else "interval"
    data = cell.runs[0].results["data"] if cell.runs else "no images yet"
    title = f"Test accuracy on {data}, final epoch"
    if cell.cell and cell.cell.label:
        title += f": {cell.cell.label}"
    costs = {cost["variant"]: cost for cost in list_variant_costs(cell)}
    if BASELINE in costs:
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
    if BASELINE in costs:
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("memory", justify="right", no_wrap=True)
    by_variant = {comparison.variant: comparison for comparison in comparisons}
    for variant in cell.variants:
        accuracies = [run.results["test_accuracy"] for run in cell.get_runs(variant)]
        if accuracies:
            cells = _list_accuracy_entries(variant, accuracies, by_variant.get(variant))
            table.add_row(*cells, *_list_cost_ratio_entries(costs, variant))
    return table


def _list_accuracy_entries(
    variant: str, accuracies: list[float], comparison: Comparison | None
) -> list[str]:
    """Return the cells of one variant: name, seeds, accuracy, difference, interval, verdict."""
    mean = f"{100 * statistics.fmean(accuracies):.2f}"
    if len(accuracies) > 1:
        mean += f" ± {100 * statistics.stdev(accuracies):.2f}"
    cells = [escape(variant), str(len(accuracies)), mean]
    if comparison is None:
        return [*cells, "", "", ""]
    verdict = f"[{_VERDICT_COLORS[comparison.verdict]}]{comparison.verdict}[/]"
    interval = format_interval_or_blank(comparison.interval)
    return [*cells, format_points(comparison.difference), interval, verdict]


def _list_cost_ratio_entries(costs: dict[str, dict[str, Any]], variant: str) -> list[str]:
    """Return training time and saved memory of a variant as multiples of those of `none`."""
    if BASELINE not in costs:
        return []
    if variant not in costs:
        return ["", ""]
    names = "training_seconds", "saved_bytes"
    return [f"{costs[variant][name] / costs[BASELINE][name]:.2f}" for name in names]


def format_interval_or_blank(bounds: tuple[float, float]) -> str:
    """Return an interval of accuracy differences in points; empty if its bounds are NaN."""
    return "" if math.isnan(bounds[0]) else format_interval(bounds)


def list_verdict_lines(comparisons: list[Comparison]) -> list[str]:
    """Return one sentence per variant: the verdict, its reason, and the two sources of uncertainty."""
    if not comparisons:
        return [
            "There is nothing to compare. Differences need runs of `none` and of another variant."
        ]
    lines = []
    for comparison in comparisons:
        reason = escape(use_minus_signs(comparison.reason))
        sentence = f"[bold]{escape(comparison.variant)}[/]: {comparison.verdict}, {reason}."
        lines.append(sentence + _describe_uncertainty(comparison))
    return lines


def _describe_uncertainty(comparison: Comparison) -> str:
    """Return the sentence about seed uncertainty and test-set uncertainty; empty if unknown.

    The verdict uses the seed uncertainty only: it is about other seeds on the same test images.
    """
    split = comparison.variance_split
    if split is None or math.isnan(split.seed_error):
        return ""
    return (
        f" [dim]Standard error {100 * split.seed_error:.2f} points from the seeds, "
        f"{100 * split.image_error:.2f} more from the test images.[/]"
    )


def list_study_footnotes(record: StudyRecord) -> list[str]:
    """Return the caveats of a study and the line about units and margin."""
    from foveal.analysis import find_caveats

    caveats = [f"[yellow]Caveat[/] {escape(caveat)}" for caveat in find_caveats(record)]
    margin = f"margin {record.design.margin:.2f} points"
    return [*caveats, f"[dim]Differences to `none` in points of accuracy; {margin}.[/]"]
