"""Cost sections: cost of the variants, gain over cost, and layers of the networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.figure import Figure

from foveal.analysis import (
    VariantRuns,
    make_gate_cost_table,
    make_stored_layer_table,
    make_stored_torchsummary_table,
    make_variant_cost_table,
)
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    TEXT_COLOR,
    add_tooltip,
    get_variant_style,
    new_figure,
    use_report_style,
)
from foveal.report.blocks import (
    Block,
    Callout,
    Collapsible,
    FigureBlock,
    Heading,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.text_format import format_points, shorten_name
from foveal.variant_names import BASELINE

_COST_AXIS_TITLES: Final = {"training_seconds": "training time", "saved_bytes": "saved memory"}


def build_costs_section(cell: CellView) -> Section:
    """Return the cost of each variant, a figure of gain over cost, and the most expensive gates."""
    name, title, costs = f"cost{cell.suffix}", cell.add_label("Cost"), cell.costs
    if not costs:
        return Section(name, title, (Callout(_missing_costs_message(cell)),))
    stored = list(costs.values())
    blocks: list[Block] = [TableBlock(name, make_variant_cost_table(stored))]
    compared = [group for group in cell.groups if group.comparison and group.variant in costs]
    if BASELINE in costs and compared:
        blocks.append(
            FigureBlock(
                name=f"gain-over-cost{cell.suffix}",
                figure=_draw_gain_over_cost(compared, costs),
                description=f"Difference to {BASELINE} with its interval, over training time and saved memory.",
                caption="Gain of each variant with its interval, over its cost. The shaded band is the margin.",
            )
        )
    for key, table in (
        ("gate-costs", make_gate_cost_table(stored)),
        ("torchsummary", make_stored_torchsummary_table(stored)),
    ):
        if table.rows:
            blocks.append(Collapsible(table.title, (TableBlock(f"{key}{cell.suffix}", table),)))
    return Section(name, title, tuple(blocks))


def _missing_costs_message(cell: CellView) -> str:
    """Return the message for a study or a run without stored costs."""
    if cell.is_single_run:
        return "Costs are stored with a study, not with a single run. Run foveal ablate to measure them."
    return (
        "This study has not stored its costs. Complete its runs with foveal ablate, without --no-extras, to "
        "store them."
    )


def build_layers_section(cell: CellView) -> Section:
    """Return the layers of each network: the first one visible, the others in collapsibles."""
    name, title, costs = f"layers{cell.suffix}", cell.add_label("Layers"), cell.costs
    if not costs:
        return Section(name, title, (Callout(_missing_costs_message(cell)),))
    first, *others = costs
    batch = costs[first]["batch_size"]
    blocks: list[Block] = [
        Paragraph(
            f"Shapes are (N, C, H, W) for a batch of {batch}. Saved bytes are those that a layer saves for the "
            "backward pass; MACs are multiply-adds, elements are element operations. A gate is listed below "
            "the layer whose output it weights."
        ),
        Heading(first),
        _build_layer_table(cell, first),
    ]
    blocks += [Collapsible(variant, (_build_layer_table(cell, variant),)) for variant in others]
    return Section(name, title, tuple(blocks))


def _build_layer_table(cell: CellView, variant: str) -> TableBlock:
    """Return the table of the layers of one variant."""
    index = list(cell.costs).index(variant)
    return TableBlock(f"layers-{index}{cell.suffix}", make_stored_layer_table(cell.costs[variant]))


@use_report_style()
def _draw_gain_over_cost(
    groups: Sequence[VariantRuns], costs: Mapping[str, Mapping[str, Any]]
) -> Figure:
    """Draw the difference of each variant with its interval, over its training time and its memory.

    Both costs are ratios to the baseline, which is the point (1, 0). The margin is shaded.
    """
    figure = new_figure(640, 330)
    plots = figure.subplots(1, 2, sharey=True)
    for axes, (key, title) in zip(plots, _COST_AXIS_TITLES.items(), strict=True):
        comparisons = [group.comparison for group in groups if group.comparison]
        margin = 100 * comparisons[0].margin
        axes.axhspan(-margin, margin, color=GRID_COLOR, alpha=0.5, linewidth=0)
        axes.axhline(0, color=TEXT_COLOR, linewidth=1)
        axes.plot(
            1, 0, marker="o", color=TEXT_COLOR, markersize=6, linestyle="none", label=BASELINE
        )
        for group, comparison in zip(groups, comparisons, strict=True):
            style = get_variant_style(group.style_index)
            ratio = costs[group.variant][key] / costs[BASELINE][key]
            low, high = (100 * bound for bound in comparison.interval)
            if not math.isnan(low):
                axes.plot([ratio, ratio], [low, high], color=style["color"], linewidth=1.6)
            points = axes.plot(
                ratio,
                100 * comparison.difference,
                linestyle="none",
                label=shorten_name(group.variant, 24),
                **style,
            )
            difference = format_points(comparison.difference)
            add_tooltip(
                points, f"{group.variant}: {difference} points at {ratio:.2f} times the cost"
            )
        axes.set_xlabel(f"{title} relative to {BASELINE}", color=MUTED_COLOR)
        axes.grid(axis="x")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.95), max(high, 1.1))
    plots[0].set_ylabel(f"accuracy difference to {BASELINE}, points", color=MUTED_COLOR)
    plots[1].legend(loc="best", fontsize=10)
    return figure
