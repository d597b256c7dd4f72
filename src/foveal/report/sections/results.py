"""Results section: the table that is the forest plot, how to read it, and what it would take to decide."""

from __future__ import annotations

from typing import Final

from foveal.report.blocks import Block, Fold, HtmlBlock, Paragraph, Section
from foveal.report.cell_view import CellView
from foveal.report.forest_plot import ForestScale, make_forest_scale
from foveal.report.forest_rows import build_forest_rows
from foveal.report.number_text import format_comparison_name, format_interval
from foveal.report.sections.evidence import build_evidence_fold
from foveal.report.sections.looks import build_looks
from foveal.report.sections.next_steps import build_next_steps
from foveal.report.sections.results_table import build_results_table, name_results
from foveal.report.templating import render_template
from foveal.text_format import format_count, format_level, format_margin, join_with_and
from foveal.variant_names import BASELINE

_MAX_SITES: Final = 6


def build_results_section(cell: CellView) -> Section:
    """Return the table of results, how to read it, and the steps that would decide."""
    blocks: list[Block] = [build_forest_table(cell)]
    if cell.has_intervals:
        blocks.append(_build_reading_fold(cell))
    blocks += build_evidence_fold(cell)
    blocks += build_looks(cell)
    blocks += build_next_steps(cell)
    return Section(f"results{cell.suffix}", "Results", tuple(blocks))


def build_forest_table(cell: CellView, *, scale: ForestScale | None = None) -> HtmlBlock:
    """Return the table of results with its forest plot; `scale` is an axis that several tables share."""
    scale = scale or make_forest_scale([cell])
    margin = cell.design.margin if cell.design else None
    html = render_template(
        "forest_table.html.j2",
        label=cell.label,
        caption=_write_caption(cell),
        outcome="accuracy",
        baseline=BASELINE,
        unit=", points",
        rows=build_forest_rows(cell, scale),
        cost_headings=cell.cost_headings,
        axis=scale.axis_labels if scale else (),
        with_plot=scale is not None,
        level=_name_interval(cell),
        margin="" if margin is None else format_margin(margin),
    )
    name = name_results(cell)
    return HtmlBlock(html, name, build_results_table(cell))


def _name_interval(cell: CellView) -> str:
    """Return the intervals of the table with their level; empty without any."""
    if not cell.has_intervals:
        return ""
    # In a sequential study the level is that of the look, which differs from row to row.
    if cell.is_sequential:
        return "interval"
    number = cell.design.comparison_count if cell.design else 1
    if number == 1:
        return f"{format_level(cell.comparisons[0].level)} interval"
    return f"interval (95 % for all {number} comparisons together)"


def _write_caption(cell: CellView) -> str:
    """Return the caption of the table."""
    if cell.is_single_run:
        return "Test accuracy after the last epoch"
    counts = sorted({len(group.runs) for group in cell.groups})
    seeds = format_count(counts[-1], "seed")
    seeds = seeds if len(counts) == 1 else f"{counts[0]} to {seeds}"
    costs = ", and what each variant costs" if cell.cost_headings else ""
    return f"Test accuracy after the last epoch, {seeds} per variant{costs}"


def _build_reading_fold(cell: CellView) -> Fold:
    """Return the explanation of the four verdicts, the intervals and the costs."""
    examples = HtmlBlock(render_template("verdict_examples.html.j2"))
    blocks: list[Block] = [examples, Paragraph(_explain_intervals(cell))]
    notes = [note for note in (_explain_costs(cell), _name_sites(cell)) if note]
    return Fold("How to read this table", "", (*blocks, *map(Paragraph, notes)))


def _name_sites(cell: CellView) -> str:
    """Return where the attention modules are inserted; empty without stored costs."""
    sites = max(
        ([site["site"] for site in cost["sites"]] for cost in cell.costs.values()),
        key=len,
        default=[],
    )
    if not sites:
        return ""
    # A module with two gates, such as scSE, may be listed twice.
    names = [f"`{name}`" for name in dict.fromkeys(sites)]
    if len(names) > _MAX_SITES:
        return f"Attention modules are inserted at {len(names)} places, from {names[0]} to {names[-1]}."
    return f"An attention module is inserted after {join_with_and(names)}."


def _explain_intervals(cell: CellView) -> str:
    """Return where the intervals are from, with the intervals that decide on equivalence."""
    first = cell.comparisons[0]
    number = cell.design.comparison_count if cell.design else 1
    joint = (
        f"There are {number} comparisons, so each interval is made at {format_level(first.level)} to "
        "keep all of "
        "them right together in 95 % of studies (Welch's interval, Bonferroni correction)."
        if number > 1
        else f"It is Welch's interval at {format_level(first.level)}."
    )
    if cell.is_sequential:
        return (
            "The interval says where the true difference can plausibly be, given how much seeds vary. "
            "This study looks "
            f"several times, and there {'are' if number > 1 else 'is'} "
            f"{format_count(number, 'comparison')}: each "
            "interval is as wide as all of them at all looks together need to be right in 95 % of studies. The "
            "row of an equivalent variant shows the slightly narrower interval that is compared with the "
            "margin. A difference is that of the first seeds, which both variants have, so it may differ from "
            "that of the accuracies shown."
        )
    narrower = ", ".join(
        f"`{format_comparison_name(each)}` {format_interval(each, each.equivalence_interval)}"
        for each in cell.comparisons
        if each.detectable_difference is not None
    )
    return (
        "The interval says where the true difference can plausibly be, given how much seeds vary. "
        f"{joint} Equivalence is tested on each side separately, with a slightly narrower interval at "
        f"{format_level(2 * first.level - 1)}, which the row of an equivalent variant shows: {narrower} "
        "points. "
        "The verdict is about other seeds on the same test images; “Uncertainty of the differences” in Raw "
        "tables has what another draw of test images would add."
    )


def _explain_costs(cell: CellView) -> str:
    """Return what the columns of cost mean; empty without costs."""
    if not cell.costs:
        return ""
    batch = next(iter(cell.costs.values()))["batch_size"]
    time = (
        "“Training step” is the median of steps that were timed before the first run, all variants in turns."
        if cell.has_step_times
        else "“Training” is the median over the seeds, without evaluation."
    )
    return (
        f"“Training memory” is what one batch of {batch} saves for the backward pass (1 MB = 2^20 "
        f"bytes). {time} "
        "Small print under a cost: how much more than `none`."
    )
