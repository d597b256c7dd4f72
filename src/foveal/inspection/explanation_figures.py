"""Figures of an explanation with their captions: map comparison, class sheets, robustness, gates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foveal.analysis import MeanClassMaps, RobustnessCurves
from foveal.explanation import GateMap
from foveal.inspection.explanations import Explanation
from foveal.inspection.trained_runs import TrainedRun
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
    shared_color_limit,
)

MAX_ROWS, MAX_SITES = 30, 12  # rows and gate sites of one figure


def draw_explanation(explanation: Explanation) -> Figure:
    """Draw the maps of all variants: a row per image, a column per variant."""
    columns = [
        MapColumn(
            name, explanation.maps(name)[:MAX_ROWS], panel_titles(explanation, name)[:MAX_ROWS]
        )
        for name in explanation.networks
    ]
    limit = shared_color_limit([column.maps for column in columns])
    result = explanation.result
    return draw_map_comparison(
        explanation.pictures[:MAX_ROWS],
        columns,
        names=[explanation.data.classes[label] for label in explanation.labels[:MAX_ROWS]],
        unit=SCORE_UNITS[result.score],
        caption=(
            f"{result.caption}{fill_agreement_sentence(explanation)} "
            f"{comparison_caption(explanation, limit)}"
        ),
        window=result.windows.window,
        limit=limit,
        difference=difference_columns(explanation),
    )


def difference_columns(explanation: Explanation) -> tuple[str, str] | None:
    """Return the names of the two columns whose difference is drawn; None for a single variant.

    Only variants of the first cell of a grid are compared, so that the variant is the only difference.
    """
    first_networks = [networks[0] for networks in explanation.networks.values()]
    comparable = [network for network in first_networks if network.cell == first_networks[0].cell]
    if len(comparable) < 2:
        return None
    first, second = find_difference_pair([network.config.attention for network in comparable])
    return comparable[first].name, comparable[second].name


def panel_titles(explanation: Explanation, variant: str) -> list[str]:
    """Return the title of each panel of a variant: majority prediction, confidence, largest drop."""
    votes, seeds = explanation.votes(variant), len(explanation.networks[variant])
    confidences, max_drops = explanation.sureness(variant), explanation.falls(variant)
    titles = []
    for image, label in enumerate(explanation.labels):
        prediction = int(votes[image].argmax())
        titles.append(
            panel_title(
                prediction,
                int(label),
                explanation.data.classes[prediction],
                confidence=confidences[image],
                max_drop=max_drops[image],
                votes=int(votes[image, prediction]),
                seeds=seeds,
            )
        )
    return titles


def comparison_caption(explanation: Explanation, limit: float) -> str:
    """Return the caption of a map comparison: images, seeds, color scale and panel titles."""
    cut = f", first {MAX_ROWS} of them" if len(explanation.rows) > MAX_ROWS else ""
    return (
        f"Images: {explanation.rule} of {explanation.data.name}{cut}. {seeds_sentence(explanation)} All "
        f"panels share one color scale, up to the 99th percentile of |value|, {limit:.3g}; the contour is "
        "at half of it. Panel titles: the prediction of most seeds and whether it is correct, the mean "
        "confidence in the class of the map, and the largest drop of the mean map. Gray: occlusion has no "
        "effect."
    )


def seeds_sentence(explanation: Explanation) -> str:
    """Return the sentence that names the seeds of the means."""
    by_variant = {
        name: [str(network.seed) for network in networks]
        for name, networks in explanation.networks.items()
    }
    if len({tuple(seeds) for seeds in by_variant.values()}) == 1:
        seeds = next(iter(by_variant.values()))
        if len(seeds) == 1:
            return f"Seed {seeds[0]}."
        return f"Means are over {len(seeds)} seeds ({', '.join(seeds)})."
    seed_lists = "; ".join(f"{name} {', '.join(seeds)}" for name, seeds in by_variant.items())
    return f"Means are over the seeds of each variant ({seed_lists})."


def fill_agreement_sentence(explanation: Explanation) -> str:
    """Return the sentence about the agreement of several fills; empty for one fill."""
    if len(explanation.result.fills) < 2:
        return ""
    values = ", ".join(
        f"{name} {explanation.fill_agreement(name):.2f}" for name in explanation.networks
    )
    return f" Maps are means over the fills, whose rank correlation is: {values}."


def draw_class_maps(
    class_maps: MeanClassMaps, explanation: Explanation, networks: Sequence[TrainedRun]
) -> Figure:
    """Draw the mean map of each class."""
    images, shown = explanation.data.test.images, slice(MAX_ROWS)
    pictures = np.stack(
        [np.asarray(images[rows]).mean(0) / 255 for rows in class_maps.image_indices[shown]]
    )
    columns = [
        MapColumn(name, maps[shown], [""] * len(maps[shown]))
        for name, maps in class_maps.maps.items()
    ]
    names = [
        f"{explanation.data.classes[label]}\nn = {count}"
        for label, count in zip(
            class_maps.labels[shown], class_maps.image_counts[shown], strict=True
        )
    ]
    (h, w), (sy, sx) = class_maps.window, class_maps.stride
    caption = (
        "Mean occlusion map of each class over n images and the seeds of each variant. The images are those "
        f"of the fixed probe images that all {len(networks)} networks classify correctly; the left column is "
        f"their mean. Window {h} x {w} px, stride {sy} x {sx}, fill {class_maps.fill}, score prob, target the "
        "true label; all panels share one color scale."
    )
    return draw_map_comparison(
        pictures,
        columns,
        names=names,
        unit=SCORE_UNITS["prob"],
        caption=caption,
        window=class_maps.window,
        difference=difference_columns(explanation),
    )


def draw_robustness_figure(curves: RobustnessCurves, explanation: Explanation) -> Figure:
    """Draw accuracy over the severity of occlusion and corruptions."""
    shares = ", ".join(f"{share:.0%}" for share in curves.occluded_shares)
    caption = (
        f"Accuracy on the first {curves.image_count} test images of {explanation.data.name}, the same for all "
        f"networks; severity 0 is the original images. Occlusion covers {shares} of the image; the "
        "corruptions are those of CIFAR-10-C or, above 64 px, ImageNet-C. Lines are means over the seeds, "
        f"bands their range. {seeds_sentence(explanation)}"
    )
    return draw_robustness_curves(curves.curves, caption=caption)


def draw_network_gates(
    maps: Sequence[GateMap], network: TrainedRun, explanation: Explanation
) -> Figure:
    """Draw the attention maps of one network on the first images."""
    by_site: dict[str, list[GateMap]] = {}
    for gate_map in maps:
        by_site.setdefault(gate_map.site, []).append(gate_map)
    names = pick_evenly_spaced(list(by_site), MAX_SITES)
    image_count = len(maps[0].values)
    cut = f", {len(names)} of its {len(by_site)} sites" if len(names) < len(by_site) else ""
    caption = (
        f"Gates of {network.name}, seed {network.seed}{cut}, on test images of {explanation.data.name}. Top: "
        "attention over positions (for a gate over positions and channels, the mean over channels). Bottom: "
        "attention over channels, sorted by the mean over the images; bands span the minimum and maximum of "
        "the images."
    )
    return draw_gate_maps(
        explanation.pictures[:image_count],
        [build_site_map(name, by_site[name]) for name in names],
        names=[explanation.data.classes[label] for label in explanation.labels[:image_count]],
        caption=caption,
    )


def build_site_map(name: str, maps: Sequence[GateMap]) -> SiteMaps:
    """Return the spatial and channel attention of the gates at one site."""
    spatial = [gate_map.spatial_map.numpy() for gate_map in maps if gate_map.kind != "channel"]
    channels = [gate_map.channel_weights.numpy() for gate_map in maps if gate_map.kind != "spatial"]
    return SiteMaps(name, spatial[0] if spatial else None, channels[0] if channels else None)
