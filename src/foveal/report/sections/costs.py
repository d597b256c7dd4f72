"""Sections on cost: a table of the variants, gain against cost, and the layers of the networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.figure import Figure

from foveal.analysis import (
    make_gate_cost_table,
    make_stored_layer_table,
    make_torchsummary_table,
    make_variant_cost_table,
)
from foveal.analysis.variant_runs import VariantRuns
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    TEXT_COLOR,
    add_tooltip,
    new_figure,
    report_style,
    variant_style,
)
from foveal.report.blocks import Block, Fold, Heading, Note, Picture, Section, Table, Text
from foveal.report.cell_view import Part
from foveal.text_format import format_points, shorten_name
from foveal.variant_names import BASELINE

PAID: Final = {"training_seconds": "training time", "saved_bytes": "saved memory"}
EARLIER: Final = (
    "An earlier version of foveal has stored the cost, without the parts of the networks. Delete the files "
    "extras/cost-* in the folder of the study, and foveal ablate stores it anew."
)
Cost = Mapping[str, Any]


def costs_section(part: Part) -> Section:
    """Return what each variant costs, which one pays, the dearest gates, and the old memory table."""
    name, title, costs = f"cost{part.suffix}", part.titled("What it costs"), part.costs
    if not costs:
        return Section(name, title, (Note(missing(part)),))
    stored = list(costs.values())
    blocks: list[Block] = [Table(name, make_variant_cost_table(stored))]
    compared = [arm for arm in part.arms if arm.comparison and arm.variant in costs]
    if BASELINE in costs and compared:
        blocks.append(
            Picture(
                name=f"gain-against-cost{part.suffix}",
                figure=gain_against_cost(compared, costs),
                description="Difference to none with its interval, over training time and saved memory.",
                caption="Which variant pays: what each gains, with its interval, over what it costs. Shaded: "
                "the margin.",
            )
        )
    for key, table in (
        ("gate-costs", make_gate_cost_table(stored)),
        ("torchsummary", make_torchsummary_table(stored)),
    ):
        if table.rows:
            blocks.append(Fold(table.title, (Table(f"{key}{part.suffix}", table),)))
    return Section(name, title, tuple(blocks))


def missing(part: Part) -> str:
    """Say how to get what is missing."""
    if part.single:
        return "A cost is stored with a study: foveal ablate leaves that of each variant."
    return (
        "This study has stored no cost. It does when all its runs are complete and foveal ablate is called "
        "without --no-extras."
    )


def architecture_section(part: Part) -> Section:
    """Return the parts of the network, the baseline's open and those of the variants to be opened."""
    name, title, costs = f"architecture{part.suffix}", part.titled("The networks"), part.costs
    if not costs:
        return Section(name, title, (Note(missing(part)),))
    if not all(cost["layers"] for cost in costs.values()):
        return Section(name, title, (Note(EARLIER),))
    first, *others = costs.items()
    batch = first[1]["batch_size"]
    blocks: list[Block] = [
        Text(
            f"Shapes are (N, C, H, W) of a batch of {batch}; saved are the bytes that the layer saves for the "
            "backward pass, MACs multiply-adds, elements element operations. Gates stand below the layer that "
            "they weigh the output of."
        ),
        Heading(first[0]),
        layers_table(part, *first),
    ]
    blocks += [Fold(variant, (layers_table(part, variant, cost),)) for variant, cost in others]
    return Section(name, title, tuple(blocks))


def layers_table(part: Part, variant: str, cost: Cost) -> Table:
    """Return the layers of one network."""
    index = list(part.costs).index(variant)
    return Table(f"layers-{index}{part.suffix}", make_stored_layer_table(cost))


@report_style()
def gain_against_cost(arms: Sequence[VariantRuns], costs: Mapping[str, Cost]) -> Figure:
    """Draw the difference of each variant, with its interval, over its time and its memory.

    Both are ratios to the baseline, which stands at (1, 0); the margin is shaded.
    """
    figure = new_figure(640, 330)
    plots = figure.subplots(1, 2, sharey=True)
    for axes, (name, title) in zip(plots, PAID.items(), strict=True):
        comparisons = [arm.comparison for arm in arms if arm.comparison]
        margin = 100 * comparisons[0].margin
        axes.axhspan(-margin, margin, color=GRID_COLOR, alpha=0.5, linewidth=0)
        axes.axhline(0, color=TEXT_COLOR, linewidth=1)
        axes.plot(
            1, 0, marker="o", color=TEXT_COLOR, markersize=6, linestyle="none", label=BASELINE
        )
        for arm, found in zip(arms, comparisons, strict=True):
            at = costs[arm.variant][name] / costs[BASELINE][name]
            low, high = (100 * end for end in found.interval)
            if not math.isnan(low):
                axes.plot(
                    [at, at], [low, high], color=variant_style(arm.place)["color"], linewidth=1.6
                )
            label = shorten_name(arm.variant, 24)
            drawn = axes.plot(
                at,
                100 * found.difference,
                linestyle="none",
                label=label,
                **variant_style(arm.place),
            )
            add_tooltip(
                drawn, f"{arm.variant}: {format_points(found.difference)} points at {at:.2f} times"
            )
        axes.set_xlabel(f"{title}, times that of {BASELINE}", color=MUTED_COLOR)
        axes.grid(axis="x")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.95), max(high, 1.1))
    plots[0].set_ylabel(f"points of accuracy over {BASELINE}", color=MUTED_COLOR)
    plots[1].legend(loc="best", fontsize=10)
    return figure
