"""Results section: accuracies, differences, verdicts, uncertainty and power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from foveal.analysis import VariantRuns
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    TEXT_COLOR,
    add_tooltip,
    get_variant_style,
    new_figure,
    use_report_style,
)
from foveal.report.blocks import Block, FigureBlock, Heading, Section, TableBlock
from foveal.report.cell_view import CellView
from foveal.stats import MAX_SEEDS_NEEDED, Comparison, compute_mean_interval
from foveal.text_format import (
    ABSENT_VALUE,
    BYTES_PER_MB,
    format_count,
    format_interval,
    format_level,
    format_mean_and_sd,
    format_percent,
    format_points,
    format_seconds,
    shorten_name,
    use_minus_signs,
    with_percent_change,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE


def build_results_section(cell: CellView) -> Section:
    """Return the table of results with its forest plot, the uncertainties, the power and the errors."""
    blocks: list[Block] = [build_results_table(cell)]
    if cell.has_intervals:
        blocks.append(
            FigureBlock(
                name=f"forest{cell.suffix}",
                figure=_draw_forest_plot(cell.groups),
                description=f"Difference to {BASELINE} with its interval, by variant, as in the table.",
                caption=f"Difference to {BASELINE} with its interval, as in the table. The shaded band is the "
                "margin. A variant is equivalent if the narrower interval of the table lies inside it.",
                width="column",
            )
        )
        blocks += _build_uncertainty_sources_table(cell)
        blocks += _build_power_table(cell)
    blocks += [Heading("Error"), _build_error_table(cell)]
    return Section(f"results{cell.suffix}", cell.add_label("Results"), tuple(blocks))


def build_results_table(cell: CellView) -> TableBlock:
    """Return a table with one row per variant: accuracy, difference, verdict and cost."""
    with_costs = bool(cell.costs)
    headings = [
        "variant",
        "seed" if cell.is_single_run else "seeds",
        "test accuracy in %",
        *(["difference in points", "interval", "verdict"] if cell.comparisons else []),
        "parameters",
        *(["training per run, s", "saved for backward, MB"] if with_costs else ["seconds per run"]),
    ]
    rows = [tuple(_build_results_row(cell, group, with_costs=with_costs)) for group in cell.groups]
    return TableBlock(
        f"results{cell.suffix}",
        Table(
            "Test accuracy after the last epoch",
            tuple(headings),
            tuple(rows),
            _explain_results(cell, with_costs=with_costs),
            text_headings=("verdict",),
        ),
    )


def _build_results_row(cell: CellView, group: VariantRuns, *, with_costs: bool) -> list[str]:
    """Return the row of one variant."""
    accuracies = group.get_results("test_accuracy")
    low, high = compute_mean_interval(accuracies)
    accuracy = format_mean_and_sd(accuracies)
    if len(accuracies) > 2:
        accuracy += f"\n{format_percent(low)} to {format_percent(high)}"
    row = [group.variant, _format_seed_count(cell, group), accuracy]
    if cell.comparisons:
        row += _format_difference_columns(group)
    row.append(f"{group.runs[0].results['parameters']:,}")
    if with_costs:
        return row + _format_cost_columns(cell.costs, group.variant)
    return [*row, format_seconds(group.seconds)]


def _format_seed_count(cell: CellView, group: VariantRuns) -> str:
    """Return the number of finished seeds, and the number of planned seeds if it differs."""
    if cell.design is None:
        return str(group.seeds[0])
    planned, finished = cell.design.planned_seeds, len(group.runs)
    return f"{finished}" if finished == planned else f"{finished}\nplanned {planned}"


def _format_difference_columns(group: VariantRuns) -> list[str]:
    """Return the difference, its intervals and the verdict; the equivalence interval is a second line."""
    comparison = group.comparison
    if comparison is None:
        return [ABSENT_VALUE, ABSENT_VALUE, "baseline"]
    difference = format_points(comparison.difference)
    if comparison.detectable_difference is None:
        return [difference, ABSENT_VALUE, comparison.verdict]
    intervals = f"{format_interval(comparison.interval)}\n{format_interval(comparison.equivalence_interval)}"
    return [difference, intervals, comparison.verdict]


def _format_cost_columns(costs: dict[str, dict[str, Any]], variant: str) -> list[str]:
    """Return the training time and the saved memory of a variant, with their change from the baseline."""
    cost, baseline = costs.get(variant), costs.get(BASELINE, {})
    if cost is None:
        return [ABSENT_VALUE, ABSENT_VALUE]
    shown = {
        "training_seconds": cost["training_seconds"],
        "saved_bytes": cost["saved_bytes"] / BYTES_PER_MB,
    }
    return [
        with_percent_change(f"{value:,.1f}", cost[name], baseline.get(name, 0))
        for name, value in shown.items()
    ]


def _explain_results(cell: CellView, *, with_costs: bool) -> str:
    """Return the note of the results table: the columns and the rule of the verdicts."""
    if cell.is_single_run:
        return "Accuracy after the last epoch."
    sentences = [
        "Accuracy after the last epoch: mean and standard deviation over the seeds. Below it, from three seeds "
        "on, is Student's 95 % interval of the mean. Do not compare two of these intervals: the interval of "
        "the difference decides."
        if cell.has_several_seeds
        else "Accuracy after the last epoch, of one seed."
    ]
    if cell.has_intervals:
        first, number = cell.comparisons[0], len(cell.comparisons)
        joint = f", so that all {number} intervals hold together in at least 95 % of studies"
        sentences.append(
            f"The difference to {BASELINE} is in percentage points, with its Welch interval at "
            f"{format_level(first.level)}{joint if number > 1 else ''}. The interval below it is compared "
            f"with the margin of {round(100 * first.margin, 3)} points: a variant is equivalent if this "
            "interval lies within the margin on both sides. Otherwise it is better or worse if the first "
            "interval excludes 0, and undecided if not."
        )
    if with_costs:
        batch = next(iter(cell.costs.values()))["batch_size"]
        sentences.append(
            "The training time is the median over the seeds. The memory is saved for the backward pass of a "
            f"batch of {batch}, in MB of 2^20 bytes."
        )
    else:
        sentences.append("Seconds are the median over the seeds.")
    return " ".join(sentences)


def _build_uncertainty_sources_table(cell: CellView) -> list[Block]:
    """Return a table of the seed uncertainty and the test-set uncertainty of each difference."""
    splits = [
        (comparison, comparison.variance_split)
        for comparison in cell.comparisons
        if comparison.variance_split
    ]
    if not splits:
        return []
    rows = [
        (
            comparison.variant,
            format_percent(split.seed_error),
            format_percent(split.image_error),
            ABSENT_VALUE
            if comparison.bootstrap_standard_error is None
            else format_percent(comparison.bootstrap_standard_error),
        )
        for comparison, split in splits
    ]
    note = (
        "Standard errors of the difference, in percentage points. The verdict is about other seeds on these "
        "test images. Other test images would add the test-set uncertainty, which more seeds cannot reduce. "
        "The two-way bootstrap resamples seeds and images together. It underestimates the uncertainty of few "
        "seeds. None of these numbers changes the verdict."
    )
    headings = ("variant", "seed uncertainty", "test-set uncertainty", "both, by bootstrap")
    table = Table("Uncertainty of the differences", headings, tuple(rows), note)
    return [Heading("Uncertainty"), TableBlock(f"uncertainty{cell.suffix}", table)]


def _build_power_table(cell: CellView) -> list[Block]:
    """Return a table of the detectable difference, and of the seeds needed to detect the margin."""
    rows = [
        (
            comparison.variant,
            f"{comparison.seeds}",
            f"{100 * comparison.detectable_difference:.2f}",
            _format_seeds_needed(comparison.seeds_needed),
        )
        for comparison in cell.comparisons
        if comparison.detectable_difference is not None
    ]
    headings = (
        "variant",
        "seeds",
        "smallest detectable difference, points",
        "seeds needed to detect the margin",
    )
    note = (
        "Power is 0.8: if the true difference has this size, the interval excludes 0 in four of five such "
        "studies. A smaller difference can remain undetected, so undecided does not mean equal."
    )
    table = Table("Power of this design", headings, tuple(rows), note)
    return [Heading("Power"), TableBlock(f"power{cell.suffix}", table)]


def _format_seeds_needed(seeds: int | None) -> str:
    """Return a number of seeds, or the largest number that the search has tried."""
    if seeds is None:
        return ABSENT_VALUE
    return f"{seeds:,}" if seeds < MAX_SEEDS_NEEDED else f"{MAX_SEEDS_NEEDED:,} or more"


def _build_error_table(cell: CellView) -> TableBlock:
    """Return a table of the top-1 errors and, from 20 classes on, of the top-5 errors."""
    with_top5 = cell.shared_results["top5_accuracy"] is not None
    rows = []
    for group in cell.groups:
        errors = [format_mean_and_sd(1 - group.get_results("test_accuracy"))]
        errors += [format_mean_and_sd(1 - group.get_results("top5_accuracy"))] if with_top5 else []
        rows.append((group.variant, *errors))
    note = "Test images whose class is not the most likely prediction"
    note += (
        ", and not among the five most likely ones."
        if with_top5
        else ". The top\N{NON-BREAKING HYPHEN}5 error is reported from 20 classes on."
    )
    headings = ("variant", "top-1 error in %", *(["top-5 error in %"] if with_top5 else []))
    return TableBlock(f"error{cell.suffix}", Table("Error", headings, tuple(rows), note))


@use_report_style()
def _draw_forest_plot(groups: Sequence[VariantRuns]) -> Figure:
    """Draw the difference of each variant to the baseline with its interval, and the margin."""
    compared = [(group, group.comparison) for group in groups if group.comparison]
    figure = new_figure(480, 60 + 28 * len(compared))
    axes = figure.add_subplot()
    margin = 100 * compared[0][1].margin
    axes.axvspan(-margin, margin, color=GRID_COLOR, alpha=0.5, linewidth=0)
    axes.axvline(0, color=TEXT_COLOR, linewidth=1)
    for row, (group, comparison) in enumerate(compared):
        style = get_variant_style(group.style_index)
        low, high = comparison.interval
        if not math.isnan(low):
            axes.plot([100 * low, 100 * high], [row, row], color=style["color"], linewidth=2)
        points = axes.plot(
            100 * comparison.difference, row, markersize=7, linestyle="none", **style
        )
        add_tooltip(points, f"{group.variant}: {format_verdict(comparison)[1]}")
    axes.set_yticks(
        range(len(compared)), [shorten_name(group.variant, 24) for group, _ in compared]
    )
    axes.set_ylim(len(compared) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("test accuracy difference in percentage points", color=MUTED_COLOR)
    return figure


def format_verdict(comparison: Comparison) -> tuple[str, str]:
    """Return the sentence after the verdict of a variant, and the numbers of the difference.

    The sentence continues "VARIANT is VERDICT".
    """
    prepositions = {
        "better": "than",
        "worse": "than",
        "equivalent": "to",
        "undecided": "compared with",
    }
    sentence = (
        f"{prepositions[comparison.verdict]} {BASELINE}: {use_minus_signs(comparison.reason)}."
    )
    numbers = f"{format_points(comparison.difference)} points"
    if comparison.detectable_difference is not None:
        interval = format_interval(comparison.interval)
        numbers += f", {format_level(comparison.level)} interval {interval}"
    return sentence, numbers


def describe_detectable_difference(cell: CellView) -> str:
    """Return a sentence with the numbers of variants, runs, epochs and test images."""
    runs = [run for group in cell.groups for run in group.runs]
    lengths = sorted({run.results["epochs"] for run in runs})
    epochs = " or ".join(map(str, lengths))
    images = len(runs[0].predictions["labels"])
    return (
        f"{format_count(len(cell.groups), 'variant')}, {format_count(len(runs), 'run')} of {epochs} "
        f"epoch{'s' if lengths != [1] else ''}, {images:,} test images."
    )
