"""Tables and sentences about a study for the terminal, at most 100 columns wide."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import stdout
from foveal.text_format import (
    format_duration,
    format_interval,
    format_level,
    format_points,
    format_points_range,
    use_minus_signs,
)
from foveal.variant_names import BASELINE, get_variant_name

if TYPE_CHECKING:
    from foveal.analysis import NextSteps
    from foveal.records import StudyRecord
    from foveal.stats import Comparison

_VERDICT_COLORS = {
    "better": "green",
    "worse": "red",
    "equivalent": "cyan",
    "undecided": "yellow",
}
_MIN_SHOWN_ERROR = 0.005
"""Standard error in points that is more than 0.00 when it is printed."""
_REFERENCE_NOTE = "[dim]compared with[/]"


def print_comparisons(cell: StudyRecord, comparisons: list[Comparison]) -> None:
    """Print the table and the sentences of one cell, and the steps that would decide it."""
    from foveal.analysis import describe_failed_learning, find_next_steps

    failure = describe_failed_learning(comparisons)
    if failure:
        stdout.print(f"[yellow]{escape(failure)}[/]")
    stdout.print(make_comparison_table(cell, comparisons))
    for line in list_verdict_lines(comparisons):
        stdout.print(line)
    next_steps = find_next_steps(cell, comparisons)
    if next_steps is None:
        return
    if next_steps.training_advice:
        stdout.print(escape(next_steps.training_advice))
    if next_steps.outlook:
        stdout.print(make_next_steps_table(next_steps))


def print_answer(cell: StudyRecord, comparisons: list[Comparison]) -> None:
    """Print the answer of a cell, and the command of the first step that would decide it."""
    from foveal.analysis import find_next_steps

    stdout.print(format_answer(cell, comparisons))
    next_steps = find_next_steps(cell, comparisons)
    if next_steps is not None:
        stdout.print(f"Next: [bold]{escape(next_steps.command)}[/]", soft_wrap=True)


def format_answer(cell: StudyRecord, comparisons: list[Comparison]) -> str:
    """Return the question of a cell and its answer as rich markup, with the verdict in its color."""
    from foveal.analysis import write_answer, write_question

    design = cell.design
    options = {**design.shared_options, **(cell.cell.options if cell.cell else {})}
    question = write_question(
        cell.variants, model=options["model"], data=options["data"], controls=design.controls
    )
    accuracies = {
        variant: [run.results["test_accuracy"] for run in cell.get_runs(variant)]
        for variant in cell.variants
    }
    answer = write_answer(comparisons, accuracies=accuracies, controls=design.controls)
    label = f" ({cell.cell.label})" if cell.cell and cell.cell.label else ""
    text = " ".join([answer.sentence, *answer.details])
    color = _VERDICT_COLORS.get(answer.verdict, "bold")
    lead = f"[bold {color}]{escape(answer.lead)}[/]"
    return f"[bold]{escape(question)}[/]{escape(label)} {lead} {_emphasize_names(text)}"


def _emphasize_names(text: str) -> str:
    """Return text as rich markup with the names between backticks in bold.

    >>> _emphasize_names("`cbam` is better.")
    '[bold]cbam[/] is better.'
    """
    parts = [escape(part) for part in text.split("`")]
    return "".join(f"[bold]{part}[/]" if index % 2 else part for index, part in enumerate(parts))


def _format_interval_heading(comparisons: list[Comparison]) -> str:
    """Return the heading of the intervals; in a sequential study every look has its own level."""
    if not comparisons or comparisons[0].sequential is not None:
        return "interval"
    return f"{format_level(comparisons[0].level)}\ninterval"


def make_comparison_table(cell: StudyRecord, comparisons: list[Comparison]) -> Table:
    """Return the table of one cell: a row per variant with accuracy, difference, interval and verdict.

    A row below a variant compares it with one of its controls. Training time and saved memory, where they
    are stored, are multiples of those of `none`.
    """
    from foveal.analysis import list_variant_costs

    heading = _format_interval_heading(comparisons)
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
    for variant in cell.variants:
        accuracies = [run.results["test_accuracy"] for run in cell.get_runs(variant)]
        if accuracies:
            own = {each.reference: each for each in comparisons if each.variant == variant}
            entries = _list_accuracy_entries(variant, accuracies)
            is_reference = variant == BASELINE and bool(comparisons)
            entries += (
                ["", _REFERENCE_NOTE, ""]
                if is_reference
                else _list_difference_entries(own.pop(BASELINE, None))
            )
            table.add_row(*entries, *_list_cost_ratio_entries(costs, variant))
            for control, comparison in own.items():
                name = f"  minus {escape(get_variant_name(control))}"
                entries = [name, str(comparison.seeds), ""]
                table.add_row(*entries, *_list_difference_entries(comparison))
    return table


def _list_accuracy_entries(variant: str, accuracies: list[float]) -> list[str]:
    """Return the first cells of one variant: name, seeds, accuracy."""
    mean = f"{100 * statistics.fmean(accuracies):.2f}"
    if len(accuracies) > 1:
        mean += f" ± {100 * statistics.stdev(accuracies):.2f}"
    return [escape(variant), str(len(accuracies)), mean]


def _list_difference_entries(comparison: Comparison | None) -> list[str]:
    """Return the cells of one comparison: difference, interval, verdict; blank without one."""
    if comparison is None:
        return ["", "", ""]
    verdict = f"[{_VERDICT_COLORS[comparison.verdict]}]{comparison.verdict}[/]"
    if comparison.has_learned_nothing:
        verdict += "\n(guessing)"
    interval = format_interval_or_blank(comparison.interval)
    return [format_points(comparison.difference), interval, verdict]


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
    """Return one sentence per comparison: the verdict, its reason, and the two sources of uncertainty."""
    if not comparisons:
        return [
            "There is nothing to compare. Differences need runs of `none` and of another variant."
        ]
    lines = []
    for comparison in comparisons:
        reason = escape(use_minus_signs(comparison.reason))
        name = comparison.variant
        if comparison.reference != BASELINE:
            name += f" minus {comparison.reference}"
        sentence = f"[bold]{escape(name)}[/]: {comparison.verdict}, {reason}."
        lines.append(sentence + _describe_uncertainty(comparison))
    return lines


def _describe_uncertainty(comparison: Comparison) -> str:
    """Return the sentence about seed uncertainty and test-set uncertainty; empty if unknown.

    The verdict uses the seed uncertainty only: it is about other seeds on the same test images.
    """
    split = comparison.variance_split
    if split is None or math.isnan(split.seed_error):
        return ""
    if 100 * split.image_error < _MIN_SHOWN_ERROR:
        return ""
    return (
        f" [dim]Standard error {100 * split.seed_error:.2f} points from the seeds, "
        f"{100 * split.image_error:.2f} more from the test images.[/]"
    )


def make_next_steps_table(next_steps: NextSteps) -> Table:
    """Return a table of what 5, 10, 20 and 50 seeds per variant show, and their time."""
    table = Table(
        title="More seeds, in a new study (--first-seed)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("seeds", justify="right")
    table.add_column("smallest difference found\nin 4 of 5 studies, points", justify="right")
    table.add_column("extra time", justify="right")
    for row in next_steps.outlook:
        duration = format_duration(row.extra_seconds)
        table.add_row(str(row.seeds), format_points_range(row.detectable_differences), duration)
    return table


def list_study_footnotes(record: StudyRecord) -> list[str]:
    """Return the caveats of a study and the line about units and margin."""
    from foveal.analysis import find_caveats

    caveats = [f"[yellow]Caveat[/] {escape(caveat)}" for caveat in find_caveats(record)]
    margin = f"margin {record.design.margin:.2f} points"
    return [*caveats, f"[dim]Differences to `none` in points of accuracy; {margin}.[/]"]
