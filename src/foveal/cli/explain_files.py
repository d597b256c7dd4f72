"""What `foveal explain` writes: the figures with their captions, the logits, the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from foveal.drawing import (
    Column,
    SiteMap,
    draw_comparison,
    draw_gates,
    draw_robustness,
    save_figure,
    shared_limit,
)
from foveal.explanation import GateMap
from foveal.explanation.lettering import RIGHT, UNITS, WRONG, sureness
from foveal.records.run import write_json
from foveal.study.class_sheets import ClassSheets, class_sheets
from foveal.study.explaining import Explanation, gates_of
from foveal.study.measures import Measured
from foveal.study.networks import Network
from foveal.study.robustness_curves import RobustnessCurves, robustness_curves

SCHEMA = 1
GATED_IMAGES, MOST_SITES, MOST_ROWS = 5, 12, 30  # more no page holds


def write_explanation(
    folder: Path, found: Explanation, networks: Sequence[Network], content: dict[str, Any]
) -> list[Path]:
    """Write all that there is to show into `folder`, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = save_figure(comparison(found), folder / "comparison")
    sheets = class_sheets(networks)
    if sheets is not None and len(sheets.labels):
        written += save_figure(sheet(sheets, found, networks), folder / "classes")
    borne = robustness_curves(networks)
    if borne is not None:
        figure = draw_robustness(borne.curves, caption=robustness_caption(borne, found))
        written += save_figure(figure, folder / "robustness")
    for network in first_of_each(networks):
        if has_gates(network):
            maps = gates_of(network, found, most=GATED_IMAGES)
            name = "".join(c if c.isalnum() or c in "-_=." else "-" for c in network.name)
            written += save_figure(gates(maps, network, found), folder / f"gates-{name}")
    found.result.save(folder / "occlusion.npz")
    write_json(folder / "explain.json", content)
    return [*written, folder / "occlusion.npz", folder / "explain.json"]


def comparison(found: Explanation) -> Figure:
    """Draw the maps of all variants, a row an image."""
    columns = [
        Column(name, found.maps(name)[:MOST_ROWS], titles(found, name)[:MOST_ROWS])
        for name in found.names
    ]
    return draw_comparison(
        found.pictures[:MOST_ROWS],
        columns,
        names=[found.data.classes[label] for label in found.labels[:MOST_ROWS]],
        unit=UNITS[found.result.score],
        caption=f"{found.result.caption} {spread(found, columns)}",
        window=found.result.windows.window,
        difference=compared(list(found.names)),
    )


def compared(names: list[str]) -> tuple[str, str] | None:
    """Return whose difference is shown: series and none if both are there, else the last and the first."""
    if len(names) < 2:
        return None
    last = "series" if "series" in names else names[-1]
    first = "none" if "none" in names and last != "none" else names[0]
    return (last, first) if last != first else (names[-1], names[0])


def titles(found: Explanation, variant: str) -> list[str]:
    """Say of each image what most seeds of a variant predict, how sure, and how far hiding lowers that."""
    votes, seeds = found.votes(variant), len(found.names[variant])
    p = found.mean(variant, found.result.probabilities)
    falls = found.mean(variant, found.result.grid).reshape(len(p), -1).max(1)
    lines = []
    for row, label in enumerate(found.labels):
        guess = int(votes[row].argmax())
        mark = RIGHT if guess == label else WRONG
        share = f" {votes[row, guess]}/{seeds}" if seeds > 1 else ""
        first = f"{mark} {found.data.classes[guess]}{share}"
        lines.append(f"{first}\n{sureness(p[row, label], falls[row])}")
    return lines


def spread(found: Explanation, columns: Sequence[Column]) -> str:
    """Say of which images, seeds and scale a comparison is."""
    limit = shared_limit([column.maps for column in columns])
    left = f", the first {MOST_ROWS} of them" if len(found.rows) > MOST_ROWS else ""
    return (
        f"Images: {found.rule} of {found.data.name}{left}. {seeds_in_words(found.names)} One scale for all "
        f"panels, up to the 99th percentile of |value|, {limit:.3g}; the line is at half of it. Above each "
        "panel: what most seeds predict, the mean probability of the true class, the largest mean drop. "
        "Grey: hiding changes nothing."
    )


def seeds_in_words(names: dict[str, list[str]]) -> str:
    """Say over which seeds maps are means."""
    each = {name: [one.rsplit(" ", 1)[1] for one in many] for name, many in names.items()}
    if len({tuple(seeds) for seeds in each.values()}) == 1:
        seeds = next(iter(each.values()))
        if len(seeds) == 1:
            return f"Seed {seeds[0]}."
        return f"Means are over {len(seeds)} seeds ({', '.join(seeds)})."
    listed = "; ".join(f"{name} {', '.join(seeds)}" for name, seeds in each.items())
    return f"Means are over the seeds of each variant ({listed})."


def sheet(sheets: ClassSheets, found: Explanation, networks: Sequence[Network]) -> Figure:
    """Draw the mean map of each class."""
    images = found.data.test.images
    pictures = np.stack([np.asarray(images[rows]).mean(0) / 255 for rows in sheets.rows])
    columns = [Column(name, maps, [""] * len(maps)) for name, maps in sheets.maps.items()]
    named = [
        f"{found.data.classes[k]}\nn = {n}"
        for k, n in zip(sheets.labels, sheets.counts, strict=True)
    ]
    (h, w), (sy, sx) = sheets.window, sheets.stride
    caption = (
        f"Mean occlusion map of each class over its n images, those among the fixed test images that every "
        f"network ({len(networks)}) gets right, and over the seeds of each variant; left the mean of those "
        f"images. Window {h} x {w} px, stride {sy} x {sx}, fill {sheets.fill}, score prob, target the true "
        "label; one scale for all panels."
    )
    return draw_comparison(
        pictures,
        columns,
        names=named,
        unit=UNITS["prob"],
        caption=caption,
        window=sheets.window,
        difference=compared(list(sheets.maps)),
    )


def robustness_caption(borne: RobustnessCurves, found: Explanation) -> str:
    """Say of what the curves are."""
    return (
        f"Accuracy on the first {borne.images} test images of {found.data.name}, the same for all networks; "
        "severity 0 are the images as they are. Occlusion hides a window of "
        f"{', '.join(f'{share:.0%}' for share in borne.shares)} of the image; the corruptions are those of "
        "CIFAR-10-C or, above 64 px, ImageNet-C. Lines are means over the seeds, bands their range. "
        f"{seeds_in_words(found.names)}"
    )


def gates(maps: Sequence[GateMap], network: Network, found: Explanation) -> Figure:
    """Draw what the gates of one network say of the first images."""
    by_site: dict[str, list[GateMap]] = {}
    for one in maps:
        by_site.setdefault(one.site, []).append(one)
    names = list(by_site)
    if len(names) > MOST_SITES:
        names = [names[round(k)] for k in np.linspace(0, len(names) - 1, MOST_SITES)]
    sites = [site_map(name, by_site[name]) for name in names]
    shown = len(maps[0].values)
    left = f", {len(names)} of its {len(by_site)} sites" if len(names) < len(by_site) else ""
    caption = (
        f"Gates of {network.name}, seed {network.seed}{left}, on test images of {found.data.name}. Above, "
        "attention over positions (of a gate over both, its mean over channels). Below, attention over "
        "channels, sorted by its mean over the images; lines go from the smallest to the largest image."
    )
    return draw_gates(
        found.pictures[:shown],
        sites,
        names=[found.data.classes[label] for label in found.labels[:shown]],
        caption=caption,
    )


def site_map(name: str, gates_there: Sequence[GateMap]) -> SiteMap:
    """Return what the gates of one site say, over positions and over channels."""
    spatial = [one.spatial.numpy() for one in gates_there if one.kind != "channel"]
    channels = [one.channels.numpy() for one in gates_there if one.kind != "spatial"]
    return SiteMap(name, spatial[0] if spatial else None, channels[0] if channels else None)


def first_of_each(networks: Sequence[Network]) -> list[Network]:
    """Return the first seed of each variant."""
    return list({network.name: network for network in reversed(networks)}.values())[::-1]


def has_gates(network: Network) -> bool:
    """Say whether a network has gates whose maps are known."""
    from foveal.attention.gate import Gate

    return any(isinstance(module, Gate) for module in network.load().modules())


def content_of(
    found: Explanation, networks: Sequence[Network], measures: dict[str, list[Measured]]
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
        "variants": {name: variant_content(found, name) for name in found.names},
        "measures": {name: [asdict(one) for one in many] for name, many in measures.items()},
    }


def variant_content(found: Explanation, variant: str) -> dict[str, Any]:
    """Return what the networks of one variant say, a value an image, means over its seeds."""
    rows = np.arange(len(found.labels))
    names = found.names[variant]
    p = found.mean(variant, found.result.probabilities)
    falls = found.mean(variant, found.result.grid).reshape(len(rows), -1).max(1)
    under = [found.result.accuracy_under_occlusion(name) for name in names]
    return {
        "seeds": [int(name.rsplit(" ", 1)[1]) for name in names],
        "probability": p[rows, found.labels].tolist(),
        "right": (found.votes(variant)[rows, found.labels] / len(names)).tolist(),
        "largest_drop": falls.tolist(),
        "accuracy_under_occlusion": float(np.mean(under)),
    }
