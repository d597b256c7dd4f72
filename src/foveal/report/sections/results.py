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
from foveal.report.blocks import Block, FigureBlock, Heading, Paragraph, Section, TableBlock
from foveal.report.cell_view import CellView
from foveal.stats import Comparison, compute_mean_interval
from foveal.text_format import (
    ABSENT_VALUE,
    BYTES_PER_MB,
    format_count,
    format_duration,
    format_interval,
    format_level,
    format_mean_and_sd,
    format_percent,
    format_points,
    format_points_range,
    format_seconds,
    shorten_name,
    use_minus_signs,
    with_percent_change,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE, get_variant_name


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
    blocks += _build_next_steps(cell)
    blocks += [Heading("Error"), _build_error_table(cell)]
    return Section(f"results{cell.suffix}", cell.add_label("Results"), tuple(blocks))


def build_results_table(cell: CellView) -> TableBlock:
    """Return a table with one row per variant and per contrast: accuracy, difference, verdict, cost."""
    with_costs = bool(cell.costs)
    headings = [
        "variant",
        "seed" if cell.is_single_run else "seeds",
        "test accuracy in %",
        *(["difference in points", "interval", "verdict"] if cell.comparisons else []),
        "parameters",
        *(["training per run, s", "saved for backward, MB"] if with_costs else ["seconds per run"]),
    ]
    rows = []
    for group in cell.groups:
        rows.append(tuple(_build_results_row(cell, group, with_costs=with_costs)))
        rows += [_build_contrast_row(comparison, len(headings)) for comparison in group.contrasts]
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


def _build_contrast_row(comparison: Comparison, columns: int) -> tuple[str, ...]:
    """Return the row that compares a variant with one of its controls."""
    row = [format_comparison_name(comparison), str(comparison.seeds), ABSENT_VALUE]
    row += _format_comparison(comparison)
    return (*row, *[ABSENT_VALUE] * (columns - len(row)))


def format_comparison_name(comparison: Comparison) -> str:
    """Return the name of a comparison: the variant, and the control if it is compared with one."""
    if comparison.reference == BASELINE:
        return comparison.variant
    return f"{comparison.variant} minus {get_variant_name(comparison.reference)}"


def _format_seed_count(cell: CellView, group: VariantRuns) -> str:
    """Return the number of finished seeds, and the number of planned seeds if it differs."""
    if cell.design is None:
        return str(group.seeds[0])
    planned, finished = cell.design.planned_seeds, len(group.runs)
    return f"{finished}" if finished == planned else f"{finished}\nplanned {planned}"


def _format_difference_columns(group: VariantRuns) -> list[str]:
    """Return the difference to the baseline, its intervals and the verdict."""
    if group.comparison is None:
        return [
            ABSENT_VALUE,
            ABSENT_VALUE,
            "baseline" if group.variant == BASELINE else ABSENT_VALUE,
        ]
    return _format_comparison(group.comparison)


def _format_comparison(comparison: Comparison) -> list[str]:
    """Return the difference, its intervals and the verdict; the equivalence interval is a second line."""
    difference = format_points(comparison.difference)
    verdict = format_short_verdict(comparison)
    if comparison.detectable_difference is None:
        return [difference, ABSENT_VALUE, verdict]
    intervals = f"{format_interval(comparison.interval)}\n{format_interval(comparison.equivalence_interval)}"
    return [difference, intervals, verdict]


def format_short_verdict(comparison: Comparison) -> str:
    """Return the verdict, with a second line if neither variant nor reference is better than guessing."""
    if comparison.has_learned_nothing:
        return f"{comparison.verdict}\nneither arm is better than guessing"
    return comparison.verdict


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
        first = cell.comparisons[0]
        number = cell.design.comparison_count if cell.design else 1
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
            format_comparison_name(comparison),
            format_percent(split.seed_error),
            format_percent(split.image_error),
            format_percent(split.total_error),
            format_percent(split.finite_test_share, 0),
            _format_spread_ratio(comparison),
        )
        for comparison, split in splits
    ]
    note = (
        "Standard errors of the difference, in percentage points. The verdict is about other seeds on these "
        "test images. Other test images would add the test-set uncertainty, which more seeds cannot reduce. "
        "Both together are the root of the sum of the squares. The next column is the share of the variance "
        "due to seeds that exists only because the test set is finite. The last one is the standard deviation "
        "of the variant divided by that of its reference, with its F interval. None of these numbers changes "
        "the verdict."
    )
    headings = (
        "variant",
        "seed uncertainty",
        "test-set uncertainty",
        "both",
        "due to the finite test set, %",
        "ratio of sd",
    )
    table = Table("Uncertainty of the differences", headings, tuple(rows), note)
    return [Heading("Uncertainty"), TableBlock(f"uncertainty{cell.suffix}", table)]


def _format_spread_ratio(comparison: Comparison) -> str:
    """Return the ratio of the standard deviations with its interval in a second line."""
    ratio = comparison.spread_ratio
    if ratio is None:
        return ABSENT_VALUE
    low, high = ratio.interval
    return f"{ratio.ratio:.2f}\n{low:.2f} to {high:.2f}"


def _build_next_steps(cell: CellView) -> list[Block]:
    """Return what it would take to decide: longer training, then a table of more seeds."""
    next_steps = cell.next_steps
    if next_steps is None:
        return []
    blocks: list[Block] = [Heading("What it would take to decide")]
    if next_steps.training_advice:
        blocks.append(Paragraph(next_steps.training_advice))
    if next_steps.outlook:
        rows = [
            (
                f"{row.seeds}",
                format_points_range(row.detectable_differences),
                format_duration(row.extra_seconds),
            )
            for row in next_steps.outlook
        ]
        headings = ("seeds", "smallest difference found, points", "extra time")
        note = (
            "If the true difference of an undecided comparison has this size, four of five new studies with "
            "so many seeds per variant show it; a range is over the undecided comparisons. The time is that of "
            "the runs of a new study, one after another. Use new seeds (--first-seed): adding seeds here "
            "until a difference shows raises the rate of false positives."
        )
        table = Table("More seeds", headings, tuple(rows), note)
        blocks.append(TableBlock(f"next-steps{cell.suffix}", table))
    return blocks if len(blocks) > 1 else []


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
    """Draw the difference of each variant to the baseline, and to its controls, with its interval."""
    compared = [(group, each) for group in groups for each in group.comparisons]
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
        name = format_comparison_name(comparison)
        add_tooltip(points, f"{name}: {format_verdict(comparison)[1]}")
    axes.set_yticks(
        range(len(compared)),
        [shorten_name(format_comparison_name(comparison), 24) for _, comparison in compared],
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
        f"{prepositions[comparison.verdict]} {comparison.reference}: "
        f"{use_minus_signs(comparison.reason)}."
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
