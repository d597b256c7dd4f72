"""Steps that would decide: longer training, then more seeds, then one command to copy."""

from __future__ import annotations

from foveal.analysis import NextSteps
from foveal.report.blocks import Block, CodeBlock, Columns, Heading, Paragraph, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.number_text import format_comparison_name
from foveal.report.sections.provenance import break_command, shorten_paths
from foveal.text_format import format_count, format_duration, format_percent
from foveal.text_tables import Table
from foveal.variant_names import BASELINE


def build_next_steps(cell: CellView) -> list[Block]:
    """Return the steps that would decide; empty if every comparison is decided."""
    next_look = min(
        (
            each.sequential.next_look
            for each in cell.comparisons
            if each.sequential is not None and each.sequential.next_look is not None
        ),
        default=None,
    )
    if next_look is not None:
        text = f"The next look is at {next_look} seeds. The same command trains the runs that it needs."
        return [Heading("What it would take to decide"), Paragraph(text)]
    steps = cell.next_steps
    if steps is None or not (steps.last_epoch_gains or steps.outlook):
        return []
    left: list[Block] = [Heading("What it would take to decide")]
    if steps.last_epoch_gains:
        left.append(Paragraph(_advise_longer_training(cell, steps)))
    if steps.outlook:
        then = "Then, more seeds." if steps.last_epoch_gains else "More seeds."
        without_looks = "without looks " if cell.is_sequential else ""
        left.append(
            Paragraph(
                f"**{then}** The table shows the smallest true difference that a new study of "
                f"{format_count(steps.epochs, 'epoch')} {without_looks}has an 80 % chance to find. Start it in "
                "a new folder with new seeds: adding seeds here until something shows raises false alarms."
            )
        )
    left.append(CodeBlock(break_command(shorten_paths(steps.command))))
    left.append(Paragraph(steps.summary, is_muted=True))
    if not steps.outlook:
        return left
    table = TableBlock(
        f"next-steps{cell.suffix}", _build_outlook_table(cell, steps), is_sortable=False
    )
    return [Columns(tuple(left), (table,))]


def _advise_longer_training(cell: CellView, steps: NextSteps) -> str:
    """Return the advice to train longer, with the gain of the last epoch."""
    gains = steps.last_epoch_gains
    name = BASELINE if BASELINE in gains else max(gains, key=lambda variant: gains[variant])
    baseline = cell.groups_by_variant[name].get_results("test_accuracy")
    spread = format_percent(float(baseline.max() - baseline.min()), 1)
    differ = f", and its seeds differ by {spread} points" if len(baseline) > 1 else ""
    return (
        f"**First, train longer.** In the last epoch `{name}` still gained {format_percent(gains[name], 1)} "
        f"points{differ}. "
        "Networks that have finished learning usually differ less from seed to seed, which would make every "
        "interval shorter."
    )


def _build_outlook_table(cell: CellView, steps: NextSteps) -> Table:
    """Return what this study and studies with more seeds find, and the time they take."""
    found = {
        format_comparison_name(each): each.detectable_difference
        for each in cell.comparisons
        if each.verdict == "undecided" and each.detectable_difference is not None
    }
    rows = []
    if found and not cell.is_sequential:  # its variants stop at different numbers of seeds
        seconds = sum(float(run.results["seconds"]) for group in cell.groups for run in group.runs)
        rows.append(
            (
                f"{cell.seed_count}\nhere, {format_count(cell.shared_results['epochs'], 'epoch')}",
                _format_range(min(found.values()), max(found.values())),
                format_duration(seconds),
            )
        )
    rows += [
        (
            f"{row.seeds}",
            _format_range(*row.detectable_differences),
            format_duration(row.extra_seconds),
        )
        for row in steps.outlook
    ]
    headings = ("seeds per variant", "detectable (80 % power)", "time")
    note = f"{steps.outlook_note} Times are estimates for all runs, one after another."
    if len(found) > 1:
        note += " A range is over the undecided variants, whose seeds differ unequally."
    if cell.is_sequential:
        note += (
            " The command looks several times and may stop early, so that it finds only larger differences "
            "than a study of as many seeds without looks."
        )
    note += " To show that there is no difference above the margin usually takes more seeds."
    title = f"Smallest difference that a new study of {format_count(steps.epochs, 'epoch')} finds"
    return Table(title, headings, tuple(rows), note)


def _format_range(low: float, high: float) -> str:
    """Return a range of differences in points; a single number if both are equal.

    >>> _format_range(0.082, 0.082), _format_range(0.004, 0.0123)
    ('8.2 points', '0.4 to 1.2 points')
    """
    first, last = (format_percent(bound, 1 if bound >= 0.002 else 2) for bound in (low, high))
    return f"{last} points" if first == last else f"{first} to {last} points"
