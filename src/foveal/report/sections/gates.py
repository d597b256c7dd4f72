"""Gates section: maps of the gates on some images, and their status over the seeds."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.figure import Figure

from foveal.analysis import VariantRuns, summarize_gates
from foveal.plotting import (
    GATE_CAPTION,
    SiteMaps,
    draw_gate_maps,
    pick_evenly_spaced,
    shrink_for_page,
    use_report_style,
)
from foveal.records.run import Arrays
from foveal.report.blocks import (
    Block,
    Callout,
    Collapsible,
    FigureBlock,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.text_format import shorten_name
from foveal.text_tables import Table
from foveal.variant_names import BASELINE, GATE_MODULE_NAME

_MAX_IMAGES: Final = 3
_MAX_SITES: Final = 8
_GATE_AXIS_TITLES: Final = {"channel": "channels", "spatial": "positions"}


def build_gates_section(cell: CellView) -> Section:
    """Return a figure of the gate maps of each variant, and the table of all gates."""
    name, title = f"gates{cell.suffix}", cell.add_label("Gates")
    figures: list[Block] = [
        FigureBlock(
            name=f"gates-{group.style_index}{cell.suffix}",
            figure=figure,
            description=f"Maps of the gates of {group.variant}.",
            caption=f"{group.variant}, seed {_find_shown_seed(group)}.",
            filters={"variant": group.variant},
        )
        for group in cell.groups
        if (figure := _draw_variant_gates(cell, group)) is not None
    ]
    if not figures:
        return Section(name, title, (Callout(_missing_gates_message(cell)),))
    explanation = (
        f"The figures show the first probe images. {GATE_CAPTION} A gate with the same map for every image "
        "could be folded into the weights of the next layer."
    )
    return Section(name, title, (Paragraph(explanation), *figures, _build_gate_table(cell)))


def _find_shown_seed(group: VariantRuns) -> int:
    """Return the seed of the run whose gates are shown."""
    return next(int(run.results["seed"]) for run in group.runs if "gates" in run.extras)


def _missing_gates_message(cell: CellView) -> str:
    """Return the message for a cell without gate maps."""
    if all(group.variant == BASELINE for group in cell.groups):
        return f"{BASELINE} has no gates. Add a variant with attention."
    if any(run.extras for group in cell.groups for run in group.runs):
        return "No variant has gates of foveal. Attention modules of other libraries do not store maps."
    return "No run has stored its gate maps. Train without --no-extras to store them."


def _draw_variant_gates(cell: CellView, group: VariantRuns) -> Figure | None:
    """Draw the gate maps of the first run that has stored them; None if no run has."""
    stored = [run.extras for run in group.runs if {"gates", "occlusion"} <= set(run.extras)]
    if not stored:
        return None
    gates, occlusion = stored[0]["gates"], stored[0]["occlusion"]
    pictures = np.stack(
        [shrink_for_page(picture / 255) for picture in occlusion["shown_images"][:_MAX_IMAGES]]
    )
    labels = occlusion["labels"][: len(pictures)]
    names = [shorten_name(cell.classes[label], 14) for label in labels]
    with use_report_style():
        return draw_gate_maps(pictures, _read_site_maps(gates), names=names)


def _read_site_maps(gates: Arrays) -> list[SiteMaps]:
    """Return the maps over positions and over channels of each site, for the first images."""
    by_site: dict[str, dict[str, int]] = {}
    for index, site in enumerate(gates["site"].tolist()):
        for axis in ("spatial_map", "channel_weights"):
            if f"{axis}_{index}" in gates:
                by_site.setdefault(site, {}).setdefault(axis, index)
    sites = []
    for name in pick_evenly_spaced(list(by_site), _MAX_SITES):
        maps = {
            axis: np.asarray(gates[f"{axis}_{index}"][:_MAX_IMAGES], dtype=np.float64)
            for axis, index in by_site[name].items()
        }
        spatial = maps.get("spatial_map")
        sites.append(
            SiteMaps(
                shorten_name(name, 18),
                None if spatial is None else np.stack([shrink_for_page(each) for each in spatial]),
                maps.get("channel_weights"),
            )
        )
    return sites


def _build_gate_table(cell: CellView) -> Block:
    """Return a table with one row per gate: its status over the seeds and its statistics."""
    rows = [
        (
            gate.variant,
            gate.gate.rpartition(f".{GATE_MODULE_NAME}")[0],
            _GATE_AXIS_TITLES.get(gate.kind, gate.kind),
            ", ".join(f"{status} {seeds}" for status, seeds in gate.status_counts.items()),
            f"{gate.mean:.3f}",
            f"{gate.std_between_images:.3f}",
            f"{gate.distance_from_start:.3f}",
        )
        for gate in summarize_gates(cell.list_extras("gates"))
    ]
    headings = (
        "variant",
        "site",
        "attention over",
        "status (seeds)",
        "mean",
        "between images",
        "moved",
    )
    note = (
        "Status off: its mixing weight is 0. Constant: one value in the whole map. Fixed: almost independent "
        "of the image. Saturated: almost all values in the lowest or highest 5 % of the gate's range. Unmoved: "
        "as before training. Between images: the mean difference of a value from image to image. Moved: the "
        "mean distance from the untrained gate, on the same features."
    )
    table = Table("Gates", headings, tuple(rows), note, text_headings=headings[1:4])
    return Collapsible("All gates", (TableBlock(f"gates{cell.suffix}", table),))
