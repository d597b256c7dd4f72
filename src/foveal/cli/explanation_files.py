"""What `foveal explain` writes: the figures with their captions, the logits, the numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from foveal.analysis import MeanClassMaps, RobustnessCurves
from foveal.explanation import GateMap
from foveal.plotting import (
    SCORE_UNITS,
    MapColumn,
    SiteMaps,
    draw_gate_maps,
    draw_map_comparison,
    draw_robustness_curves,
    find_difference_pair,
    panel_title,
    pick_evenly_spaced,
    save_figure,
    shared_color_limit,
)
from foveal.records.run import write_json
from foveal.study.class_sheets import class_sheets
from foveal.study.explanations import Explanation, compute_gate_maps
from foveal.study.gate_findings import gate_findings
from foveal.study.map_metrics import MapMetric
from foveal.study.robustness_curves import robustness_curves
from foveal.study.trained_runs import TrainedRun

SCHEMA = 1
NUMBERS = "explain.json"
GATED_IMAGES, MOST_SITES, MOST_ROWS = 5, 12, 30  # more no page holds


def write_explanation(
    folder: Path, found: Explanation, networks: Sequence[TrainedRun], content: dict[str, Any]
) -> list[Path]:
    """Write all that there is to show into `folder`, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    earlier = listed(folder)
    written = save_figure(comparison(found), folder / "comparison")
    sheets = class_sheets(networks)
    if sheets is not None and len(sheets.labels):
        written += save_figure(sheet(sheets, found, networks), folder / "classes")
    borne = robustness_curves(networks)
    if borne is not None:
        figure = draw_robustness_curves(borne.curves, caption=robustness_caption(borne, found))
        written += save_figure(figure, folder / "robustness")
    for network in first_of_each(networks):
        maps = compute_gate_maps(network, found, most=GATED_IMAGES)
        if maps:
            name = "".join(c if c.isalnum() or c in "-_=." else "-" for c in network.name)
            written += save_figure(gates(maps, network, found), folder / f"gates-{name}")
    found.result.save(folder / "occlusion.npz")
    written.append(folder / "occlusion.npz")
    for path in earlier - set(written):  # figures of another choice of networks or images
        path.unlink(missing_ok=True)
    write_json(folder / NUMBERS, content | {"files": [path.name for path in written]})
    return [*written, folder / NUMBERS]


def listed(folder: Path) -> set[Path]:
    """Return what an earlier call has written into the folder, by its own list."""
    try:
        names = json.loads((folder / NUMBERS).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {folder / Path(str(name)).name for name in names}


def comparison(found: Explanation) -> Figure:
    """Draw the maps of all variants, a row an image."""
    columns = [
        MapColumn(name, found.maps(name)[:MOST_ROWS], titles(found, name)[:MOST_ROWS])
        for name in found.networks
    ]
    limit = shared_color_limit([column.maps for column in columns])
    return draw_map_comparison(
        found.pictures[:MOST_ROWS],
        columns,
        names=[found.data.classes[label] for label in found.labels[:MOST_ROWS]],
        unit=SCORE_UNITS[found.result.score],
        caption=f"{found.result.caption}{fills_in_words(found)} {spread(found, limit)}",
        window=found.result.windows.window,
        limit=limit,
        difference=compared(networks_by_name(found)),
    )


def networks_by_name(found: Explanation) -> list[TrainedRun]:
    """Return the first network of each variant."""
    return [many[0] for many in found.networks.values()]


def compared(networks: Sequence[TrainedRun]) -> tuple[str, str] | None:
    """Return whose difference is shown, of one cell of a grid alone: there only the variant differs.

    `series` and `none` if both are there, else the last and the first.
    """
    here = [network for network in networks if network.cell == networks[0].cell]
    if len(here) < 2:
        return None
    first, second = find_difference_pair([network.config.attention for network in here])
    return here[first].name, here[second].name


def titles(found: Explanation, variant: str) -> list[str]:
    """Say of each image what most seeds of a variant predict, how sure, and how far hiding lowers that."""
    votes, seeds = found.votes(variant), len(found.networks[variant])
    p, falls = found.sureness(variant), found.falls(variant)
    lines = []
    for row, label in enumerate(found.labels):
        guess = int(votes[row].argmax())
        lines.append(
            panel_title(
                guess,
                int(label),
                found.data.classes[guess],
                confidence=p[row],
                max_drop=falls[row],
                votes=int(votes[row, guess]),
                seeds=seeds,
            )
        )
    return lines


def spread(found: Explanation, limit: float) -> str:
    """Say of which images, seeds and scale a comparison is."""
    left = f", the first {MOST_ROWS} of them" if len(found.rows) > MOST_ROWS else ""
    return (
        f"Images: {found.rule} of {found.data.name}{left}. {seeds_in_words(found)} One scale for all "
        f"panels, up to the 99th percentile of |value|, {limit:.3g}; the line is at half of it. Above each "
        "panel: what most seeds predict and whether that is right, the mean probability of the class that "
        "the map is about, the largest drop of the mean map. "
        "Gray: hiding changes nothing."
    )


def seeds_in_words(found: Explanation) -> str:
    """Say over which seeds maps are means."""
    each = {name: [str(one.seed) for one in many] for name, many in found.networks.items()}
    if len({tuple(seeds) for seeds in each.values()}) == 1:
        seeds = next(iter(each.values()))
        if len(seeds) == 1:
            return f"Seed {seeds[0]}."
        return f"Means are over {len(seeds)} seeds ({', '.join(seeds)})."
    listed = "; ".join(f"{name} {', '.join(seeds)}" for name, seeds in each.items())
    return f"Means are over the seeds of each variant ({listed})."


def fills_in_words(found: Explanation) -> str:
    """Say how far the maps of several fills agree."""
    if len(found.result.fills) < 2:
        return ""
    each = ", ".join(f"{name} {fills_agree(found, name):.2f}" for name in found.networks)
    return f" Maps are means over the fills, whose rank correlation is: {each}."


def fills_agree(found: Explanation, variant: str) -> float | None:
    """Return the rank correlation of the maps of several fills, mean over images and seeds."""
    if len(found.result.fills) < 2:
        return None
    each = [found.result.fill_agreement(one.key) for one in found.networks[variant]]
    return float(np.nanmean([float(values.nanmean()) for values in each]))


def sheet(sheets: MeanClassMaps, found: Explanation, networks: Sequence[TrainedRun]) -> Figure:
    """Draw the mean map of each class."""
    images, shown = found.data.test.images, slice(MOST_ROWS)
    pictures = np.stack([np.asarray(images[rows]).mean(0) / 255 for rows in sheets.rows[shown]])
    columns = [
        MapColumn(name, maps[shown], [""] * len(maps[shown])) for name, maps in sheets.maps.items()
    ]
    named = [
        f"{found.data.classes[k]}\nn = {n}"
        for k, n in zip(sheets.labels[shown], sheets.counts[shown], strict=True)
    ]
    (h, w), (sy, sx) = sheets.window, sheets.stride
    caption = (
        f"Mean occlusion map of each class over its n images, those among the fixed test images that every "
        f"network ({len(networks)}) gets right, and over the seeds of each variant; left the mean of those "
        f"images. Window {h} x {w} px, stride {sy} x {sx}, fill {sheets.fill}, score prob, target the true "
        "label; one scale for all panels."
    )
    return draw_map_comparison(
        pictures,
        columns,
        names=named,
        unit=SCORE_UNITS["prob"],
        caption=caption,
        window=sheets.window,
        difference=compared(networks_by_name(found)),
    )


def robustness_caption(borne: RobustnessCurves, found: Explanation) -> str:
    """Say of what the curves are."""
    return (
        f"Accuracy on the first {borne.images} test images of {found.data.name}, the same for all networks; "
        "severity 0 are the images as they are. Occlusion hides a window of "
        f"{', '.join(f'{share:.0%}' for share in borne.shares)} of the image; the corruptions are those of "
        "CIFAR-10-C or, above 64 px, ImageNet-C. Lines are means over the seeds, bands their range. "
        f"{seeds_in_words(found)}"
    )


def gates(maps: Sequence[GateMap], network: TrainedRun, found: Explanation) -> Figure:
    """Draw what the gates of one network say of the first images."""
    by_site: dict[str, list[GateMap]] = {}
    for one in maps:
        by_site.setdefault(one.site, []).append(one)
    names = pick_evenly_spaced(list(by_site), MOST_SITES)
    sites = [site_map(name, by_site[name]) for name in names]
    shown = len(maps[0].values)
    left = f", {len(names)} of its {len(by_site)} sites" if len(names) < len(by_site) else ""
    caption = (
        f"Gates of {network.name}, seed {network.seed}{left}, on test images of {found.data.name}. Above, "
        "attention over positions (of a gate over both, its mean over channels). Below, attention over "
        "channels, sorted by its mean over the images; a band goes from the smallest to the largest image."
    )
    return draw_gate_maps(
        found.pictures[:shown],
        sites,
        names=[found.data.classes[label] for label in found.labels[:shown]],
        caption=caption,
    )


def site_map(name: str, gates_there: Sequence[GateMap]) -> SiteMaps:
    """Return what the gates of one site say, over positions and over channels."""
    spatial = [one.spatial.numpy() for one in gates_there if one.kind != "channel"]
    channels = [one.channels.numpy() for one in gates_there if one.kind != "spatial"]
    return SiteMaps(name, spatial[0] if spatial else None, channels[0] if channels else None)


def first_of_each(networks: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Return the first seed of each variant."""
    return list({network.name: network for network in reversed(networks)}.values())[::-1]


def content_of(
    found: Explanation, networks: Sequence[TrainedRun], measures: dict[str, list[MapMetric]]
) -> dict[str, Any]:
    """Return the numbers of an explanation as JSON can hold them."""
    windows = found.result.windows
    return {
        "schema": SCHEMA,
        "data": found.data.name,
        "data_checksum": found.data.checksum,
        "images_chosen_as": found.rule,
        "window": windows.window,
        "stride": windows.stride,
        "edge": windows.edge,
        "fill": list(found.result.fills),
        "score": found.result.score,
        "target": found.result.target,
        "runs": [str(network.folder) for network in networks],
        "images": [
            {"row": int(row), "label": int(label), "class": found.data.classes[label]}
            for row, label in zip(found.rows, found.labels, strict=True)
        ],
        "variants": {name: variant_content(found, name) for name in found.networks},
        "gates": [asdict(one) for one in gate_findings(networks)],
        "measures": {name: [asdict(one) for one in many] for name, many in measures.items()},
    }


def variant_content(found: Explanation, variant: str) -> dict[str, Any]:
    """Return what the networks of one variant say, a value an image, means over its seeds."""
    rows = np.arange(len(found.labels))
    networks = found.networks[variant]
    under = [found.result.accuracy_under_occlusion(network.key) for network in networks]
    return {
        "seeds": [network.seed for network in networks],
        "probability": found.sureness(variant).tolist(),
        "right": (found.votes(variant)[rows, found.labels] / len(networks)).tolist(),
        "largest_drop": found.falls(variant).tolist(),
        "accuracy_under_occlusion": float(np.mean(under)),
        "fill_agreement": fills_agree(found, variant),
    }
