"""Inside the attention modules: maps of the gates on some images, and their status over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from foveal.analysis import OcclusionRecords, VariantRuns, summarize_gates
from foveal.plotting import SvgCanvas, color_gate_map, compute_value_range, pick_evenly_spaced
from foveal.records.run import Arrays
from foveal.report.blocks import Block, Fold, Heading, HtmlBlock, Paragraph, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.templating import render_template
from foveal.report.tiles import SharedImages, Tile, render_tile_table, shrink_map
from foveal.text_format import shorten_name
from foveal.text_tables import Table
from foveal.variant_names import BASELINE, GATE_MODULE_NAME

_MAX_IMAGES: Final = 3
_MAX_SITES: Final = 6
_GATE_AXIS_TITLES: Final = {"channel": "channels", "spatial": "positions"}
_BAR_WIDTH, _BAR_HEIGHT = 96.0, 28.0


def build_gates_fold(cell: CellView, records: OcclusionRecords | None) -> list[Block]:
    """Return the maps of the gates of each variant on the images of the sweeps, and the table of all gates."""
    rows = summarize_gates(cell.list_extras("gates"))
    if not rows:
        message = _explain_missing_gates(cell)
        return [Paragraph(message, is_muted=True)] if message else []
    blocks: list[Block] = [
        Paragraph(
            "What the gates let pass: dark blue is the lowest, yellow the highest value of a variant. A "
            "bar chart "
            "shows the weights of the channels, lowest first. A gate with the same map for every image "
            "could be "
            "folded into the weights of the next layer."
        )
    ]
    for group in cell.groups:
        run = next((each for each in group.runs if "gates" in each.extras), None)
        if run is not None and records is not None:
            title = f"{group.variant}, seed {run.results['seed']}"
            html = _render_gates(cell, group, run.extras["gates"], records)
            blocks += [Heading(title), HtmlBlock(html)]
    blocks.append(TableBlock(f"gates{cell.suffix}", _build_gate_table(cell)))
    return [
        Fold("Inside the attention modules", "what they let pass, for three images", tuple(blocks))
    ]


def _explain_missing_gates(cell: CellView) -> str:
    """Return why there are no gate maps; empty if no variant has gates or no run has extras."""
    if all(group.variant == BASELINE for group in cell.groups):
        return ""
    if any(run.extras for group in cell.groups for run in group.runs):
        return "No variant has gates of foveal. Attention modules of other libraries do not store maps."
    return ""


def _render_gates(
    cell: CellView, group: VariantRuns, gates: Arrays, records: OcclusionRecords
) -> Markup:
    """Return the tiles of one variant: rows are images, columns are sites."""
    pictures = records.shown_images[:_MAX_IMAGES]
    labels = records.labels[: len(pictures)]
    sites = _find_sites(gates)
    spatial = [
        np.asarray(gates[f"spatial_map_{places['spatial_map']}"][: len(pictures)], dtype=np.float64)
        for places in sites.values()
        if "spatial_map" in places
    ]
    limits = compute_value_range(spatial) if spatial else (0.0, 1.0)
    images = SharedImages(f"g{cell.number}-{group.style_index}-", pictures)
    rows = []
    for index, label in enumerate(labels):
        name = cell.classes[label]
        tiles = [
            _build_tile(gates, places, images, index, f"{group.variant}, {site}, on {name}", limits)
            for site, places in sites.items()
        ]
        picture = images.draw(index, f"Test image: {name}")
        rows.append((Tile(picture, shorten_name(name, 12)), tiles))
    return render_template(
        "gate_maps.html.j2",
        definitions=images.render_definitions(),
        table=render_tile_table(
            f"Gates of {group.variant}",
            ["image", *(shorten_name(site, 16) for site in sites)],
            rows,
            is_narrow=True,
        ),
        limits=[f"{limit:.2g}" for limit in limits] if spatial else None,
    )


def _find_sites(gates: Arrays) -> dict[str, dict[str, int]]:
    """Return the index of the spatial and the channel gate of some sites."""
    by_site: dict[str, dict[str, int]] = {}
    for index, site in enumerate(gates["site"].tolist()):
        for axis in ("spatial_map", "channel_weights"):
            if f"{axis}_{index}" in gates:
                by_site.setdefault(site, {}).setdefault(axis, index)
    return {site: by_site[site] for site in pick_evenly_spaced(list(by_site), _MAX_SITES)}


def _build_tile(
    gates: Arrays,
    places: dict[str, int],
    images: SharedImages,
    index: int,
    description: str,
    limits: tuple[float, float],
) -> Tile:
    """Return the map over positions and the weights of the channels of one site on one image."""
    svg = Markup("")
    if "spatial_map" in places:
        values = np.asarray(gates[f"spatial_map_{places['spatial_map']}"][index], dtype=np.float64)
        text = f"{description}: {values.min():.2f} to {values.max():.2f} over the positions"
        svg += images.draw(index, text, color_gate_map(shrink_map(values), limits=limits))
    if "channel_weights" in places:
        weights = np.asarray(gates[f"channel_weights_{places['channel_weights']}"][index])
        svg += _draw_channel_weights(weights.astype(np.float64), description)
    return Tile(svg)


def _draw_channel_weights(weights: Any, description: str) -> Markup:
    """Draw the weights of the channels as an area, lowest first, over the range from 0 to 1 or more."""
    canvas = SvgCanvas(_BAR_WIDTH, _BAR_HEIGHT)
    top = max(1.0, float(np.nan_to_num(weights).max()))
    ordered = np.sort(np.nan_to_num(weights))
    step = _BAR_WIDTH / len(ordered)
    heights = [float(max(0.0, weight)) / top * (_BAR_HEIGHT - 2) for weight in ordered]
    shape = "".join(
        f"L{step * place:.1f} {_BAR_HEIGHT - height:.1f}L{step * (place + 1):.1f} {_BAR_HEIGHT - height:.1f}"
        for place, height in enumerate(heights)
    )
    canvas.add(
        f'<path class="basebar" d="M0 {_BAR_HEIGHT:g}{shape}L{_BAR_WIDTH:g} {_BAR_HEIGHT:g}z"/>'
    )
    return canvas.render(
        f"{description}: channel weights {weights.min():.2f} to {weights.max():.2f}, mean {weights.mean():.2f}"
    )


def _build_gate_table(cell: CellView) -> Table:
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
    headings: Sequence[str] = (
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
    return Table("Gates", tuple(headings), tuple(rows), note, text_headings=tuple(headings[1:4]))
