"""Table of results with all its numbers, for Markdown, CSV and LaTeX."""

from __future__ import annotations

from foveal.analysis import VariantRuns
from foveal.report.cell_view import TIME_KEYS, CellView
from foveal.report.number_text import describe_missing_verdict, format_comparison_name
from foveal.stats import Comparison, compute_mean_interval
from foveal.text_format import (
    ABSENT_VALUE,
    format_interval,
    format_margin,
    format_mean_and_sd,
    format_percent,
    format_points,
    with_percent_change,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE


def name_results(cell: CellView) -> str:
    """Return the name of the files of the table."""
    return f"results{cell.suffix}"


def build_results_table(cell: CellView) -> Table:
    """Return a table with one row per variant and per contrast: accuracy, difference, verdict, cost."""
    with_top5 = cell.shared_results["top5_accuracy"] is not None
    headings = [
        "variant",
        "seed" if cell.is_single_run else "seeds",
        "test accuracy in %",
        *(["top-5 accuracy in %"] if with_top5 else []),
        *(["difference in points", "interval", "verdict"] if cell.comparisons else []),
        *cell.cost_headings,
    ]
    rows = []
    for group in cell.groups:
        rows.append(tuple(_build_row(cell, group, with_top5=with_top5)))
        for contrast in group.contrasts:
            row = [format_comparison_name(contrast), str(contrast.seeds), ABSENT_VALUE]
            row += [ABSENT_VALUE] * with_top5 + _format_comparison(contrast)
            rows.append((*row, *[ABSENT_VALUE] * (len(headings) - len(row))))
    return Table(
        "Test accuracy after the last epoch",
        tuple(headings),
        tuple(rows),
        _write_note(cell),
        text_headings=("verdict",),
    )


def _build_row(cell: CellView, group: VariantRuns, *, with_top5: bool) -> list[str]:
    """Return the row of one variant."""
    accuracies = group.get_results("test_accuracy")
    accuracy = format_mean_and_sd(accuracies)
    if len(accuracies) > 2:
        low, high = compute_mean_interval(accuracies)
        accuracy += f"\n{format_percent(low)} to {format_percent(high)}"
    row = [group.variant, _format_seed_count(cell, group), accuracy]
    row += [format_mean_and_sd(group.get_results("top5_accuracy"))] if with_top5 else []
    if cell.comparisons:
        row += (
            _format_comparison(group.comparison)
            if group.comparison
            else [
                ABSENT_VALUE,
                ABSENT_VALUE,
                "baseline" if group.variant == BASELINE else ABSENT_VALUE,
            ]
        )
    row.append(f"{group.runs[0].results['parameters']:,}")
    cost, baseline = cell.costs.get(group.variant, {}), cell.costs.get(BASELINE, {})
    for _, key, form, divisor in cell.cost_columns:
        value = cost.get(key)
        row.append(
            ABSENT_VALUE
            if value is None
            else "?\nnot reliable"
            if key in TIME_KEYS and not cell.has_reliable_times
            else with_percent_change(form.format(value / divisor), value, baseline.get(key, 0))
        )
    return row


def _format_seed_count(cell: CellView, group: VariantRuns) -> str:
    """Return the number of finished seeds, and the planned or the largest number if it differs."""
    if cell.design is None:
        return str(group.seeds[0])
    planned, finished = cell.design.planned_seeds, len(group.runs)
    limit = "at most" if cell.is_sequential else "planned"
    return f"{finished}" if finished == planned else f"{finished}\n{limit} {planned}"


def _format_comparison(comparison: Comparison) -> list[str]:
    """Return difference, intervals D and E, and verdict of a comparison."""
    note = describe_missing_verdict(comparison)
    verdict = f"{comparison.verdict}\n{note}" if note else comparison.verdict
    difference = format_points(comparison.difference)
    if comparison.detectable_difference is None:
        return [difference, ABSENT_VALUE, verdict]
    intervals = f"{format_interval(comparison.interval)}\n{format_interval(comparison.equivalence_interval)}"
    return [difference, intervals, verdict]


def _write_note(cell: CellView) -> str:
    """Return the note of the table."""
    if cell.is_single_run:
        return "Accuracy after the last epoch."
    note = "Accuracy: mean and standard deviation over the seeds, and Student's 95 % interval of the mean."
    if cell.has_intervals and cell.design:
        note += (
            f" Difference to {BASELINE} in percentage points, with its interval; the second interval is "
            "compared "
            f"with the margin of {format_margin(cell.design.margin)}."
        )
    if cell.is_sequential:
        note += (
            " A difference is that of the first seeds, which both have, so it may differ from that of the "
            "means. Student's intervals do not account for the looks."
        )
    return note
