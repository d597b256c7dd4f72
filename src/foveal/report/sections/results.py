"""What was found: accuracies, differences, verdicts, and what the design could have seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from foveal.analysis.variant_runs import VariantRuns
from foveal.plotting import (
    GRID_COLOR,
    TEXT_COLOR,
    add_tooltip,
    new_figure,
    report_style,
    variant_style,
)
from foveal.report.blocks import Block, Heading, Picture, Section, Table
from foveal.report.cell_view import Part
from foveal.stats import MAX_SEEDS_NEEDED, Comparison, compute_mean_interval
from foveal.text_format import (
    ABSENT,
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
from foveal.text_tables import Table as TextTable
from foveal.variant_names import BASELINE


def result_section(part: Part) -> Section:
    """Return the table of the study, its forest plot, both doubts, errors and what could be seen."""
    blocks: list[Block] = [result_table(part)]
    if part.has_intervals:
        blocks.append(
            Picture(
                name=f"forest{part.suffix}",
                figure=forest_plot(part.arms),
                description="Difference to none with its interval by variant, as in the table.",
                caption=f"Difference to {BASELINE} with its interval, as in the table. Shaded: the margin, in "
                "which the narrower interval of the table has to lie for equivalent.",
                width="column",
            )
        )
        blocks += doubts(part)
        blocks += could_be_seen(part)
    blocks += [Heading("Error"), error_table(part)]
    return Section(f"result{part.suffix}", part.titled("Result"), tuple(blocks))


def result_table(part: Part) -> Table:
    """Return one row a variant: accuracy, difference, verdict, cost."""
    with_costs = bool(part.costs)
    headings = [
        "variant",
        "seed" if part.single else "seeds",
        "test accuracy in %",
        *(["difference in points", "interval", "verdict"] if part.comparisons else []),
        "parameters",
        *(["training per run, s", "saved for backward, MB"] if with_costs else ["seconds per run"]),
    ]
    rows = [tuple(result_row(part, arm, with_costs=with_costs)) for arm in part.arms]
    return Table(
        f"result{part.suffix}",
        TextTable(
            "Test accuracy after the last epoch",
            tuple(headings),
            tuple(rows),
            result_note(part, with_costs=with_costs),
            text_headings=("verdict",),
        ),
    )


def result_row(part: Part, arm: VariantRuns, *, with_costs: bool) -> list[str]:
    """Return the cells of one variant."""
    accuracies = arm.results("test_accuracy")
    around = compute_mean_interval(accuracies)
    accuracy = format_mean_and_sd(accuracies)
    if len(accuracies) > 2:
        accuracy += f"\n{format_percent(around[0])} to {format_percent(around[1])}"
    cells = [arm.variant, seeds_cell(part, arm), accuracy]
    if part.comparisons:
        cells += difference_cells(arm)
    cells.append(f"{arm.runs[0].results['parameters']:,}")
    if with_costs:
        return cells + cost_cells(part.costs, arm.variant)
    return [*cells, format_seconds(arm.seconds)]


def seeds_cell(part: Part, arm: VariantRuns) -> str:
    """Return how many seeds a variant has, and how many it was planned to have if that differs."""
    if part.design is None:
        return str(arm.seeds[0])
    planned, count = part.design.planned_seeds, len(arm.runs)
    return f"{count}" if count == planned else f"{count}\nplanned {planned}"


def difference_cells(arm: VariantRuns) -> list[str]:
    """Return difference, interval and verdict; below the interval stands that for equivalence."""
    found = arm.comparison
    if found is None:
        return [ABSENT, ABSENT, "baseline"]
    if found.detectable_difference is None:
        return [format_points(found.difference), ABSENT, found.verdict]
    both = f"{format_interval(found.interval)}\n{format_interval(found.equivalence_interval)}"
    return [format_points(found.difference), both, found.verdict]


def cost_cells(costs: dict[str, dict[str, Any]], variant: str) -> list[str]:
    """Return the time of training and the kept bytes, each with its rise over the baseline."""
    own, plain = costs.get(variant), costs.get(BASELINE, {})
    if own is None:
        return [ABSENT, ABSENT]
    shown = {
        "training_seconds": own["training_seconds"],
        "saved_bytes": own["saved_bytes"] / BYTES_PER_MB,
    }
    return [
        with_percent_change(f"{v:,.1f}", own[name], plain.get(name, 0)) for name, v in shown.items()
    ]


def result_note(part: Part, *, with_costs: bool) -> str:
    """Say what stands in the table, and by which rule verdicts are made."""
    if part.single:
        return "Accuracy after the last epoch."
    said = [
        "Accuracy after the last epoch: mean and standard deviation over the seeds; below, from three seeds "
        "on, Student's 95 % interval of the mean. Two of these are not to be held against each other: the "
        "interval of the difference decides."
        if part.several
        else "Accuracy after the last epoch, of one seed."
    ]
    if part.has_intervals:
        first, many = part.comparisons[0], len(part.comparisons)
        together = f", so that all {many} together hold in at least 95 % of studies"
        said.append(
            f"Difference to {BASELINE} with its Welch interval at {format_level(first.level)}"
            f"{together if many > 1 else ''}; below it the interval that is held against the margin of "
            f"{round(100 * first.margin, 3)} points. Equivalent: that one within the margin either way; else "
            "better or worse if the first excludes 0; else undecided."
        )
    if with_costs:
        batch = next(iter(part.costs.values()))["batch_size"]
        said.append(
            f"Times are medians over the seeds; saved memory is for a batch of {batch}, in MB of 2^20 bytes."
        )
    else:
        said.append("Seconds: their median.")
    return " ".join(said)


def doubts(part: Part) -> list[Block]:
    """Return how much of the doubt comes from the seeds, and how much from the test images."""
    split = [(one, one.variance_split) for one in part.comparisons if one.variance_split]
    if not split:
        return []
    rows = [
        (
            one.variant,
            format_percent(own.seed_error),
            format_percent(own.image_error),
            ABSENT
            if one.bootstrap_standard_error is None
            else format_percent(one.bootstrap_standard_error),
        )
        for one, own in split
    ]
    note = (
        "Standard error of the difference in points. The verdict is about other seeds on these test images; "
        "other images would add the second doubt, which no number of seeds removes. Both together are "
        "resampled by the two-way bootstrap, which understates the doubt where seeds are few. None of it "
        "moves the verdict."
    )
    headings = ("variant", "from the seeds", "from the test images", "both, by resampling")
    table = TextTable("Where the doubt comes from", headings, tuple(rows), note)
    return [Heading("Two doubts"), Table(f"doubts{part.suffix}", table)]


def could_be_seen(part: Part) -> list[Block]:
    """Return what this design shows, and how many seeds would show a difference as large as the margin."""
    rows = [
        (
            one.variant,
            f"{one.seeds}",
            f"{100 * one.detectable_difference:.2f}",
            seeds_needed(one.seeds_needed),
        )
        for one in part.comparisons
        if one.detectable_difference is not None
    ]
    margin = f"{100 * part.comparisons[0].margin:g}"
    headings = (
        "variant",
        "seeds",
        "smallest difference it shows, points",
        f"seeds that would show {margin} points",
    )
    note = (
        "With power 0.8: of a true difference of that size, the interval leaves out 0 in four of five such "
        "studies. A smaller one may be there and go unseen; undecided is not equal."
    )
    table = TextTable("What this design could and could not see", headings, tuple(rows), note)
    return [Heading("What it could see"), Table(f"power{part.suffix}", table)]


def seeds_needed(found: int | None) -> str:
    """Write how many seeds are needed; beyond some number nobody has counted."""
    if found is None:
        return ABSENT
    return f"{found:,}" if found < MAX_SEEDS_NEEDED else f"{MAX_SEEDS_NEEDED:,} or more"


def error_table(part: Part) -> Table:
    """Return top-1 and, from 20 classes on, top-5 errors."""
    top5 = part.results["top5_accuracy"] is not None
    rows = []
    for arm in part.arms:
        errors = [format_mean_and_sd(1 - arm.results("test_accuracy"))]
        errors += [format_mean_and_sd(1 - arm.results("top5_accuracy"))] if top5 else []
        rows.append((arm.variant, *errors))
    more = (
        ", and not among the first five"
        if top5
        else "; the top\N{NON-BREAKING HYPHEN}5 error is given from 20 classes on"
    )
    headings = ("variant", "top-1 error in %", *(["top-5 error in %"] if top5 else []))
    note = f"Test images whose class is not the first guess{more}."
    return Table(f"error{part.suffix}", TextTable("Error", headings, tuple(rows), note))


@report_style()
def forest_plot(arms: Sequence[VariantRuns]) -> Figure:
    """Draw the difference of each variant to the baseline with its interval, and the margin."""
    compared = [(arm, arm.comparison) for arm in arms if arm.comparison]
    figure = new_figure(480, 60 + 28 * len(compared))
    axes = figure.add_subplot()
    margin = 100 * compared[0][1].margin
    axes.axvspan(-margin, margin, color=GRID_COLOR, alpha=0.5, linewidth=0)
    axes.axvline(0, color=TEXT_COLOR, linewidth=1)
    for row, (arm, comparison) in enumerate(compared):
        low, high = comparison.interval
        if not math.isnan(low):
            axes.plot(
                [100 * low, 100 * high],
                [row, row],
                color=variant_style(arm.place)["color"],
                linewidth=2,
            )
        drawn = axes.plot(
            100 * comparison.difference,
            row,
            markersize=7,
            linestyle="none",
            **variant_style(arm.place),
        )
        add_tooltip(drawn, f"{arm.variant}: {sentence(comparison)[1]}")
    axes.set_yticks(range(len(compared)), [shorten_name(arm.variant, 24) for arm, _ in compared])
    axes.set_ylim(len(compared) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("points of test accuracy")
    return figure


def sentence(comparison: Comparison) -> tuple[str, str]:
    """Return the verdict of one variant in a sentence without its name, and its numbers."""
    word = {"better": "than", "worse": "than", "equivalent": "to", "undecided": "against"}
    said = f"{word[comparison.verdict]} {BASELINE}: {use_minus_signs(comparison.reason)}."
    numbers = f"{format_points(comparison.difference)} points"
    if comparison.detectable_difference is not None:
        numbers += (
            f", {format_level(comparison.level)} interval {format_interval(comparison.interval)}"
        )
    return said, numbers


def extent(part: Part) -> str:
    """Return of how many runs and images a part is."""
    runs = sum(len(arm.runs) for arm in part.arms)
    lengths = sorted({run.results["epochs"] for arm in part.arms for run in arm.runs})
    epochs = " or ".join(map(str, lengths))
    images = len(part.arms[0].runs[0].predictions["labels"])
    return (
        f"{format_count(len(part.arms), 'variant')}, {format_count(runs, 'run')} of {epochs} "
        f"epoch{'s' if lengths != [1] else ''}, {images:,} test images."
    )
