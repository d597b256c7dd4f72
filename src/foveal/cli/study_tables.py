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
    format_count,
    format_duration,
    format_interval,
    format_level,
    format_percent,
    format_points,
    format_points_range,
    use_minus_signs,
)
from foveal.variant_names import BASELINE, get_variant_name

if TYPE_CHECKING:
    from foveal.analysis import NextSteps
    from foveal.records import StudyRecord
    from foveal.stats import Comparison

VERDICT_COLORS = {
    "better": "green",
    "worse": "red",
    "equivalent": "cyan",
    "undecided": "yellow",
}
_REFERENCE_NOTE = "[dim]baseline[/]"
_UNRELIABLE = "?"


def print_comparisons(cell: StudyRecord, comparisons: list[Comparison]) -> None:
    """Print the table and the sentences of one cell, and the steps that would decide it."""
    from foveal.analysis import describe_failed_learning, describe_other_test_images

    failure = describe_failed_learning(comparisons)
    if failure:
        stdout.print(f"[yellow]{escape(failure)}[/]")
    stdout.print(make_comparison_table(cell, comparisons))
    if comparisons:
        stdout.print(f"[dim]{escape(explain_comparison_table(cell, comparisons))}[/]")
        images = len(cell.runs[0].predictions["labels"])
        note = describe_other_test_images(comparisons, images)
        stdout.print(f"[dim]{escape(note)}[/]\n" if note else "")
    for line in list_verdict_lines(comparisons):
        stdout.print(line)
    _print_next_steps(cell, comparisons)


def _print_next_steps(cell: StudyRecord, comparisons: list[Comparison]) -> None:
    """Print the advice to train longer and what more seeds find, if a comparison is undecided."""
    from foveal.analysis import find_next_steps

    next_steps = find_next_steps(cell, comparisons)
    if next_steps is None:
        return
    if next_steps.training_advice:
        stdout.print(escape(next_steps.training_advice))
    if next_steps.outlook:
        stdout.print(make_next_steps_table(next_steps))
        stdout.print(f"[dim]{escape(next_steps.outlook_note)}[/]")


def print_answer(cell: StudyRecord, comparisons: list[Comparison]) -> None:
    """Print the answer of a cell, and the first step that would decide it with its command."""
    from foveal.analysis import find_next_steps

    stdout.print(format_answer(cell, comparisons))
    next_steps = find_next_steps(cell, comparisons)
    if next_steps is not None:
        stdout.print(f"Next: {escape(next_steps.summary)}")
        stdout.print(f"[bold]{escape(next_steps.command)}[/]", soft_wrap=True)


def format_answer(cell: StudyRecord, comparisons: list[Comparison]) -> str:
    """Return the question of a cell and its answer as rich markup, with the verdict in its color."""
    from foveal.analysis import write_cell_answer, write_question

    design = cell.design
    options = {**design.shared_options, **(cell.cell.options if cell.cell else {})}
    question = write_question(
        cell.variants, model=options["model"], data=options["data"], controls=design.controls
    )
    answer = write_cell_answer(cell, comparisons)
    label = f" ({cell.cell.label})" if cell.cell and cell.cell.label else ""
    text = " ".join([answer.sentence, *answer.details])
    color = VERDICT_COLORS.get(answer.verdict, "bold")
    lead = f"[bold {color}]{escape(answer.lead)}[/]"
    return f"[bold]{escape(question)}[/]{escape(label)} {lead} {emphasize_names(text)}"


def emphasize_names(text: str) -> str:
    """Return text as rich markup with the names between backticks in bold.

    >>> emphasize_names("`cbam` is better.")
    '[bold]cbam[/] is better.'
    """
    parts = [escape(part) for part in text.split("`")]
    return "".join(f"[bold]{part}[/]" if index % 2 else part for index, part in enumerate(parts))


def explain_comparison_table(cell: StudyRecord, comparisons: list[Comparison]) -> str:
    """Return how to read the table: spread, interval, verdicts, margin and costs."""
    from foveal.analysis import list_variant_costs

    parts = ["± is the standard deviation over seeds."]
    if any(each.detectable_difference is not None for each in comparisons):
        parts += [
            _describe_level(cell, comparisons[0]),
            f"Better: the interval is above 0. Equivalent: it is within the margin of {cell.design.margin:.2f} "
            "points, under which a difference does not matter.",
        ]
    parts.append("Differences are in points of accuracy, computed before rounding.")
    costs = list_variant_costs(cell)
    if any(cost["variant"] == BASELINE for cost in costs):
        parts.append(
            "Time is that of training, and memory the activations saved for the backward pass, both as "
            "multiples of those of none."
        )
    if not all(cost["has_reliable_time"] for cost in costs):
        parts.append("?: not to be trusted.")
    return " ".join(parts)


def _describe_level(cell: StudyRecord, comparison: Comparison) -> str:
    """Return in how many studies the intervals hold."""
    count = cell.design.comparison_count
    if comparison.sequential is not None:
        return "All intervals at all looks hold together in 95 % of studies."
    if count == 1:
        return f"The interval holds in {format_level(comparison.level)} of studies."
    level = format_level(comparison.level)
    return f"All {count} intervals hold together in 95 % of studies, each in {level}."


def make_comparison_table(cell: StudyRecord, comparisons: list[Comparison]) -> Table:
    """Return the table of one cell: a row per variant with accuracy, difference, interval and verdict.

    A row below a variant compares it with one of its controls. Training time and saved memory, where they
    are stored, are multiples of those of `none`.
    """
    from foveal.analysis import describe_data, list_variant_costs

    title = "Test accuracy after the last epoch"
    if cell.runs:
        title += f": {describe_data(cell.runs[0])}"
    if cell.cell and cell.cell.label:
        title += f"; {cell.cell.label}"
    costs = {cost["variant"]: cost for cost in list_variant_costs(cell)}
    table = Table(
        title=escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("variant", overflow="fold")
    for name in ("seeds", "accuracy\n% ± sd", "diff. to\nnone"):
        table.add_column(name, justify="right")
    table.add_column("interval", justify="right", no_wrap=True)
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
                ["", "", _REFERENCE_NOTE]
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
    mean = format_percent(statistics.fmean(accuracies))
    if len(accuracies) > 1:
        mean += f" ± {format_percent(statistics.stdev(accuracies))}"
    return [escape(variant), str(len(accuracies)), mean]


def _list_difference_entries(comparison: Comparison | None) -> list[str]:
    """Return the cells of one comparison: difference, interval, verdict; blank without one."""
    if comparison is None:
        return ["", "", ""]
    verdict = f"[{VERDICT_COLORS[comparison.verdict]}]{comparison.verdict}[/]"
    if comparison.has_learned_nothing:
        verdict += "\n(guessing)"
    interval = format_interval_or_blank(comparison.interval)
    return [format_points(comparison.difference), interval, verdict]


def _list_cost_ratio_entries(costs: dict[str, dict[str, Any]], variant: str) -> list[str]:
    """Return training time and saved memory of a variant as multiples of those of `none`.

    A question mark stands for times that are not to be trusted.
    """
    if BASELINE not in costs:
        return []
    if variant not in costs:
        return ["", ""]
    cost, plain = costs[variant], costs[BASELINE]
    time = f"{cost['training_seconds'] / plain['training_seconds']:.2f}"
    memory = f"{cost['saved_bytes'] / plain['saved_bytes']:.2f}"
    return [time if cost["has_reliable_time"] else _UNRELIABLE, memory]


def format_interval_or_blank(bounds: tuple[float, float]) -> str:
    """Return an interval of accuracy differences in points; empty if its bounds are NaN."""
    return "" if math.isnan(bounds[0]) else format_interval(bounds)


def list_verdict_lines(comparisons: list[Comparison]) -> list[str]:
    """Return one sentence per comparison: the verdict and its reason."""
    if not comparisons:
        return [
            "There is nothing to compare. Differences need runs of `none` and of another variant."
        ]
    from foveal.analysis.display_names import name_comparison

    lines = []
    for comparison in comparisons:
        reason = escape(use_minus_signs(comparison.reason))
        name = name_comparison(comparison)
        lines.append(f"[bold]{escape(name)}[/]: {comparison.verdict}, {reason}.")
    return lines


def make_next_steps_table(next_steps: NextSteps) -> Table:
    """Return a table of what 5, 10, 20 and 50 seeds per variant find in a new study, and their time."""
    table = Table(
        title=f"What a new study of {format_count(next_steps.epochs, 'epoch')} can detect",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("seeds", justify="right")
    table.add_column("smallest detectable difference\n(80 % power), points", justify="right")
    table.add_column("time", justify="right")
    for row in next_steps.outlook:
        duration = format_duration(row.extra_seconds)
        table.add_row(str(row.seeds), format_points_range(row.detectable_differences), duration)
    return table


def list_study_footnotes(record: StudyRecord) -> list[str]:
    """Return the caveats of a study."""
    from foveal.analysis import find_caveats

    return [f"[yellow]Caveat:[/] {escape(caveat)}" for caveat in find_caveats(record)]
