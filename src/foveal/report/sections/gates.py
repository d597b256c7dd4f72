"""What the gates learned: their maps of some images, and which of them do something."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from foveal.analysis import summarize_gates
from foveal.analysis.variant_runs import VariantRuns
from foveal.plotting import (
    SiteMaps,
    draw_gate_maps,
    pick_evenly_spaced,
    report_style,
    shrink_for_page,
)
from foveal.records.run import Arrays
from foveal.report.blocks import Block, Fold, Note, Picture, Section, Table, Text
from foveal.report.cell_view import Part
from foveal.text_format import shorten_name
from foveal.text_tables import Table as TextTable

IMAGES: Final = 3
MOST_SITES: Final = 8
OVER: Final = {"channel": "channels", "spatial": "positions"}


def gates_section(part: Part) -> Section:
    """Return a picture a variant and the table of its gates."""
    name, title = f"gates{part.suffix}", part.titled("What the gates do")
    drawn: list[Block] = [
        Picture(
            name=f"gates-{arm.place}{part.suffix}",
            figure=figure,
            description=f"Maps of the gates of {arm.variant}.",
            caption=f"{arm.variant}, seed {first_seed(arm)}.",
            of={"variant": arm.variant},
        )
        for arm in part.arms
        if (figure := gate_maps(part, arm)) is not None
    ]
    if not drawn:
        return Section(name, title, (Note(missing(part)),))
    said = (
        "Above, attention over positions on the first of the fixed images (of a gate over both, its mean over "
        "channels), on one scale a picture. Below, attention over channels, sorted by its mean over the "
        "images; a band goes from the smallest to the largest image. A gate whose maps are the same for every "
        "image could be folded into the next layer's weights."
    )
    return Section(name, title, (Text(said), *drawn, gate_table(part)))


def first_seed(arm: VariantRuns) -> int:
    """Return the seed of the run whose gates are shown."""
    return next(int(run.results["seed"]) for run in arm.runs if "gates" in run.extras)


def missing(part: Part) -> str:
    """Say why there is nothing to see, and how to get it."""
    if all(arm.place == 0 for arm in part.arms):
        return "There is no gate in none: add a variant with attention."
    if any(run.extras for arm in part.arms for run in arm.runs):
        return "No variant here has gates of foveal: other modules say nothing of themselves."
    return (
        "No run has left what its gates do. A run leaves it when it is trained without --no-extras."
    )


def gate_maps(part: Part, arm: VariantRuns) -> Figure | None:
    """Draw the maps of the gates of the first run that has left them, None where none has."""
    known = [run.extras for run in arm.runs if {"gates", "occlusion"} <= set(run.extras)]
    if not known:
        return None
    left, seen = known[0]["gates"], known[0]["occlusion"]
    pictures = np.stack([shrink_for_page(one / 255) for one in seen["pictures"][:IMAGES]])
    labels = seen["labels"][: len(pictures)]
    return drawn(pictures, sites_of(left), [shorten_name(part.classes[k], 14) for k in labels])


@report_style()
def drawn(pictures: npt.NDArray[Any], sites: list[SiteMaps], names: list[str]) -> Figure:
    """Draw the maps of sites."""
    return draw_gate_maps(pictures, sites, names=names)


def sites_of(left: Arrays) -> list[SiteMaps]:
    """Return what the gates of each site say of the first images, over positions and over channels."""
    by_site: dict[str, dict[str, int]] = {}
    for k, site in enumerate(left["site"].tolist()):
        for side in ("spatial", "channels"):
            if f"{side}_{k}" in left:
                by_site.setdefault(site, {}).setdefault(side, k)
    found = []
    for name in pick_evenly_spaced(list(by_site), MOST_SITES):
        maps = {
            side: np.asarray(left[f"{side}_{k}"][:IMAGES], dtype=np.float64)
            for side, k in by_site[name].items()
        }
        spatial = maps.get("spatial")
        found.append(
            SiteMaps(
                shorten_name(name, 18),
                None if spatial is None else np.stack([shrink_for_page(one) for one in spatial]),
                maps.get("channels"),
            )
        )
    return found


def gate_table(part: Part) -> Block:
    """Return one row a gate: in how many seeds it works, and if not, what it is instead."""
    rows = [
        (
            one.variant,
            one.gate.partition(".attention")[0],
            OVER.get(one.kind, one.kind),
            ", ".join(f"{word} {count}" for word, count in one.findings.items()),
            f"{one.mean:.3f}",
            f"{one.between_images:.3f}",
            f"{one.moved:.3f}",
        )
        for one in summarize_gates(part.left("gates"))
    ]
    headings = ("variant", "gate at", "over", "found in seeds", "mean", "by image", "moved")
    note = (
        "off: mixed in by nothing. constant: one value throughout. fixed: hardly depends on the image. "
        "saturated: nearly all values at an end. unmoved: as at its start. By image: how much a value differs "
        "from image to image. Moved: mean distance from the start, on the same features."
    )
    table = TextTable("Gates", headings, tuple(rows), note, text_headings=headings[1:4])
    return Fold("Every gate", (Table(f"gates{part.suffix}", table),))
