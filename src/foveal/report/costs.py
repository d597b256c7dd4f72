"""What the variants cost, as a table and against what they gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.drawing.palette import INK
from foveal.records import StudyRecord, costs_of
from foveal.report.arms import BASELINE, Arm
from foveal.report.svg import MUTED, RULE, blank, house_style, look, to_svg
from foveal.report.words import rise, short

MB: Final = 2**20
COLUMNS: Final = (
    ("parameters", "parameters", "{:,.0f}", 1),
    ("macs", "multiply-adds an image", "{:,.0f}", 1),
    ("element_operations", "element operations an image", "{:,.0f}", 1),
    ("kept", "kept for the backward pass, MB", "{:,.1f}", MB),
    ("epoch_seconds", "training an epoch, s", "{:,.1f}", 1),
)
"""Key, heading, format, and what the number is divided by."""
PAID: Final = {"epoch_seconds": "training time", "kept": "kept memory"}
DEAREST: Final = 12
Cost = Mapping[str, Any]


def cost_context(part: StudyRecord, arms: Sequence[Arm]) -> dict[str, Any] | None:
    """Collect what the page shows of the cost of a study's part; None where none is stored."""
    by_variant = {cost["variant"]: cost for cost in costs_of(part)}
    if not by_variant:
        return None
    plain = by_variant.get(BASELINE, {})
    compared = [arm for arm in arms if arm.comparison and arm.variant in by_variant]
    return {
        "headings": [heading for _, heading, _, _ in COLUMNS],
        "rows": [(variant, cells(cost, plain)) for variant, cost in by_variant.items()],
        "batch_size": next(iter(by_variant.values()))["batch_size"],
        "uncounted": sorted({name for cost in by_variant.values() for name in cost["uncounted"]}),
        "sites": dearest(by_variant),
        "plot": gain_against_cost(compared, by_variant) if plain and compared else "",
    }


def cells(cost: Cost, plain: Cost) -> list[tuple[str, str]]:
    """Return each number of a row, and by how much it is above the baseline's."""
    return [
        (form.format(cost[name] / unit), rise(cost[name], plain[name]) if plain else "")
        for name, _, form, unit in COLUMNS
    ]


def dearest(by_variant: Mapping[str, Cost]) -> list[tuple[str, str, str, str, str, str]]:
    """Return the gates that keep most: variant, site, parameters, multiply-adds, elements, kept MB."""
    sites = [(variant, site) for variant, cost in by_variant.items() for site in cost["sites"]]
    sites.sort(key=lambda pair: -pair[1]["kept"])
    return [
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


@house_style()
def gain_against_cost(arms: Sequence[Arm], by_variant: Mapping[str, Cost]) -> str:
    """Draw the difference of each variant, with its interval, over its time and its memory.

    Both are ratios to the baseline, which stands at (1, 0); the margin is shaded.
    """
    figure = blank(640, 330)
    plots = figure.subplots(1, 2, sharey=True)
    for axes, (name, title) in zip(plots, PAID.items(), strict=True):
        comparisons = [arm.comparison for arm in arms if arm.comparison]
        margin = 100 * comparisons[0].margin
        axes.axhspan(-margin, margin, color=RULE, alpha=0.5, linewidth=0)
        axes.axhline(0, color=INK, linewidth=1)
        axes.plot(1, 0, marker="o", color=INK, markersize=6, linestyle="none", label=BASELINE)
        for arm, found in zip(arms, comparisons, strict=True):
            at = by_variant[arm.variant][name] / by_variant[BASELINE][name]
            low, high = (100 * end for end in found.interval)
            if not math.isnan(low):
                axes.plot([at, at], [low, high], color=look(arm)["color"], linewidth=1.6)
            label = short(arm.variant, 24)
            axes.plot(at, 100 * found.difference, linestyle="none", label=label, **look(arm))
        axes.set_xlabel(f"{title}, times that of {BASELINE}", color=MUTED)
        axes.grid(axis="x")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.95), max(high, 1.1))
    plots[0].set_ylabel(f"points of accuracy over {BASELINE}", color=MUTED)
    plots[1].legend(loc="best", fontsize=10)
    return to_svg(
        figure,
        name="gain-against-cost",
        description="Difference to none with its interval, over training time and kept memory.",
    )
