"""What the variants cost, as a table and against what they gain; the parts of the networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.figure import Figure

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
from foveal.text_format import format_points, shorten_name, with_percent_change
from foveal.text_tables import Table as TextTable
from foveal.variant_names import BASELINE

MB: Final = 2**20
COLUMNS: Final = (
    ("parameters", "parameters", "{:,.0f}", 1),
    ("macs", "multiply-adds an image", "{:,.0f}", 1),
    ("element_operations", "element operations an image", "{:,.0f}", 1),
    ("kept", "kept for the backward pass, MB", "{:,.1f}", MB),
    ("training_seconds", "training a run, s", "{:,.1f}", 1),
)
"""Key, heading, format, and what the number is divided by."""
PAID: Final = {"training_seconds": "training time", "kept": "kept memory"}
DEAREST: Final = 12
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
    blocks: list[Block] = [Table(name, cost_table(costs))]
    compared = [arm for arm in part.arms if arm.comparison and arm.variant in costs]
    if BASELINE in costs and compared:
        blocks.append(
            Picture(
                name=f"gain-against-cost{part.suffix}",
                figure=gain_against_cost(compared, costs),
                description="Difference to none with its interval, over training time and kept memory.",
                caption="Which variant pays: what each gains, with its interval, over what it costs. Shaded: "
                "the margin.",
            )
        )
    dearest = dearest_table(costs)
    if dearest.rows:
        blocks.append(
            Fold("The gates that keep most", (Table(f"gate-costs{part.suffix}", dearest),))
        )
    blocks += corrected(part, costs)
    return Section(name, title, tuple(blocks))


def missing(part: Part) -> str:
    """Say how to get what is missing."""
    if part.single:
        return "A cost is stored with a study: foveal ablate leaves that of each variant."
    return (
        "This study has stored no cost. It does when all its runs are complete and foveal ablate is called "
        "without --no-extras."
    )


def cost_table(costs: Mapping[str, Cost]) -> TextTable:
    """Return one row a variant, each number over its rise above that of the baseline."""
    batch = next(iter(costs.values()))["batch_size"]
    uncounted = sorted({name for cost in costs.values() for name in cost["uncounted"]})
    note = (
        f"Below each number, by how much it is above that of {BASELINE}. Parameters and multiply-adds show "
        "next to nothing of what a gate costs: it reads and writes whole feature maps, which are element "
        f"operations, and keeps them for the backward pass of a batch of {batch}. MB is 2^20 bytes. Times are "
        "medians over the seeds, as the runs took them; evaluation is not in them."
    )
    note += f" Not counted: {', '.join(uncounted)}." if uncounted else ""
    plain = costs.get(BASELINE, {})
    rows = tuple((variant, *cells(cost, plain)) for variant, cost in costs.items())
    headings = ("variant", *(heading for _, heading, _, _ in COLUMNS))
    return TextTable("What the variants cost", headings, rows, note)


def cells(cost: Cost, plain: Cost) -> list[str]:
    """Return each number of a row, and below it by how much it is above the baseline's."""
    return [
        with_percent_change(form.format(cost[name] / unit), cost[name], plain.get(name, 0))
        for name, _, form, unit in COLUMNS
    ]


def dearest_table(costs: Mapping[str, Cost]) -> TextTable:
    """Return the gates that keep most."""
    sites = [(variant, site) for variant, cost in costs.items() for site in cost["sites"]]
    sites.sort(key=lambda pair: -pair[1]["kept"])
    rows = [
        (
            variant,
            site["site"],
            f"{site['parameters']:,}",
            f"{site['macs']:,}",
            f"{site['elements']:,}",
            f"{site['kept'] / MB:,.2f}",
        )
        for variant, site in sites[:DEAREST]
    ]
    headings = ("variant", "site", "parameters", "multiply-adds", "elements", "kept, MB")
    batch = next(iter(costs.values()))["batch_size"]
    note = f"What each gate adds, for one batch of {batch}."
    return TextTable("The gates that keep most", headings, tuple(rows), note, words=("site",))


def corrected(part: Part, costs: Mapping[str, Cost]) -> list[Block]:
    """Return what the old study printed of the memory of such networks, and what is true."""
    known = {name: cost for name, cost in costs.items() if cost["torchsummary"]}
    if not known:
        return []
    rows = [
        (
            name,
            f"{cost['torchsummary'][0] / MB:,.2f}",
            f"{cost['torchsummary'][1] / MB:,.4f}",
            f"{cost['kept'] / cost['batch_size'] / MB:,.4f}",
        )
        for name, cost in known.items()
    ]
    note = (
        "MB for one image. The tool adds up products of output shapes with -1 for the batch, so each layer "
        "counts negative; a pool that returns its indices counts as the product of both outputs, squared and "
        "positive; abs() hides the sign of the sum. Attention adds negative rows, and was printed as less "
        "memory. Done right, its convention is every layer's output, twice. What training needs are the "
        "bytes kept for the backward pass, here measured. foveal cost --explain-torchsummary shows the "
        "arithmetic."
    )
    headings = ("variant", "printed by torchsummary", "its convention done right", "kept, measured")
    table = TextTable("The old memory table, corrected", headings, tuple(rows), note)
    return [Fold("The old memory table, corrected", (Table(f"torchsummary{part.suffix}", table),))]


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
            f"Shapes are (N, C, H, W) of a batch of {batch}; kept are the bytes that the layer holds for the "
            "backward pass, MACs multiply-adds, elements element operations. Gates stand below the layer that "
            "they weigh the output of."
        ),
        Heading(first[0]),
        layers_table(part, *first),
    ]
    blocks += [Fold(variant, (layers_table(part, variant, cost),)) for variant, cost in others]
    return Section(name, title, tuple(blocks))


def layers_table(part: Part, variant: str, cost: Cost) -> Table:
    """Return the parts of one network."""
    place = list(part.costs).index(variant)
    rows = tuple(tuple(row) for row in cost["layers"])
    headings = tuple(cost["layer_headings"])
    title = f"Layers of {variant}"
    table = TextTable(title, headings, rows, words=headings[1:2])
    return Table(f"layers-{place}{part.suffix}", table)


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
