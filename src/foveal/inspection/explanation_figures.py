"""Figures of an explanation with their captions: map comparison, class maps, robustness, gates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foveal.analysis import MeanClassMaps, RobustnessCurves
from foveal.explanation import GateMap
from foveal.inspection.explanations import Explanation
from foveal.inspection.trained_runs import TrainedRun
from foveal.plotting import (
    CLASS_MAP_CAPTION,
    GATE_CAPTION,
    SCORE_UNITS,
    MapColumn,
    SiteMaps,
    compute_color_limit,
    draw_gate_maps,
    draw_map_comparison,
    draw_robustness_curves,
    find_difference_pair,
    format_color_caption,
    format_panel_titles,
    format_robustness_caption,
    format_seeds,
    pick_evenly_spaced,
)

_MAX_ROWS, _MAX_SITES = 30, 12  # rows and gate sites of one figure


def draw_explanation(explanation: Explanation) -> Figure:
    """Draw the maps of all variants: a row per image, a column per variant."""
    columns = [
        MapColumn(
            name,
            explanation.average_maps(name)[:_MAX_ROWS],
            _list_panel_titles(explanation, name)[:_MAX_ROWS],
        )
        for name in explanation.runs
    ]
    limit = compute_color_limit([column.maps for column in columns])
    result = explanation.result
    return draw_map_comparison(
        explanation.images[:_MAX_ROWS],
        columns,
        names=[explanation.data.classes[label] for label in explanation.labels[:_MAX_ROWS]],
        unit=SCORE_UNITS[result.score],
        caption=(
            f"{result.caption}{_describe_fill_agreement(explanation)} "
            f"{_describe_comparison(explanation, limit)}"
        ),
        window=result.windows.window,
        limit=limit,
        difference=_list_difference_columns(explanation),
    )


def _list_difference_columns(explanation: Explanation) -> tuple[str, str] | None:
    """Return the names of the two columns whose difference is drawn; None for a single variant.

    Only variants of the first cell of a grid are compared, so that the variant is the only difference.
    """
    first_runs = [runs[0] for runs in explanation.runs.values()]
    comparable = [run for run in first_runs if run.cell == first_runs[0].cell]
    if len(comparable) < 2:
        return None
    first, second = find_difference_pair([run.config.attention for run in comparable])
    return comparable[first].name, comparable[second].name


def _list_panel_titles(explanation: Explanation, variant: str) -> list[str]:
    """Return the title of each panel of a variant: majority prediction, confidence, largest drop."""
    votes = explanation.count_votes(variant)
    predictions = votes.argmax(1).tolist()
    return format_panel_titles(
        predictions,
        [explanation.data.classes[prediction] for prediction in predictions],
        labels=explanation.labels.tolist(),
        confidences=explanation.average_confidences(variant).tolist(),
        max_drops=explanation.compute_max_drops(variant).tolist(),
        votes=votes.max(1).tolist(),
        seeds=len(explanation.runs[variant]),
    )


def _describe_comparison(explanation: Explanation, limit: float) -> str:
    """Return the caption of a map comparison: images, seeds, color scale and panel titles."""
    cut = f", first {_MAX_ROWS} of them" if len(explanation.image_indices) > _MAX_ROWS else ""
    return (
        f"Images: {explanation.selection} of {explanation.data.name}{cut}. {_describe_seeds(explanation)} "
        f"{format_color_caption(limit)} Panel titles: the prediction of most seeds and whether it is "
        "correct, the mean confidence in the class of the map, and the largest drop of the mean map."
    )


def _describe_seeds(explanation: Explanation) -> str:
    """Return the sentence that names the seeds of the means."""
    return format_seeds(
        {name: [run.seed for run in runs] for name, runs in explanation.runs.items()}
    )


def _describe_fill_agreement(explanation: Explanation) -> str:
    """Return the sentence about the agreement of several fills; empty for one fill."""
    if len(explanation.result.fills) < 2:
        return ""
    values = ", ".join(
        f"{name} {explanation.measure_fill_agreement(name):.2f}" for name in explanation.runs
    )
    return f" Maps are means over the fills, whose rank correlation is: {values}."


def draw_mean_class_maps(
    class_maps: MeanClassMaps, explanation: Explanation, run_count: int
) -> Figure:
    """Draw the mean map of each class."""
    images, shown = explanation.data.test.images, slice(_MAX_ROWS)
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
        f"{CLASS_MAP_CAPTION} There are {run_count} runs; the left column is the mean of the images. "
        f"Window {h} x {w} px, stride {sy} x {sx}, fill {class_maps.fill}, score prob, target the true label; "
        "all panels share one color scale."
    )
    return draw_map_comparison(
        pictures,
        columns,
        names=names,
        unit=SCORE_UNITS["prob"],
        caption=caption,
        window=class_maps.window,
        difference=_list_difference_columns(explanation),
    )


def draw_robustness_figure(curves: RobustnessCurves, explanation: Explanation) -> Figure:
    """Draw accuracy over the severity of occlusion and corruptions."""
    has_several_seeds = any(len(networks) > 1 for networks in explanation.runs.values())
    caption = format_robustness_caption(
        curves.image_count, curves.occluded_shares, has_several_seeds=has_several_seeds
    )
    caption = f"{caption} Data: {explanation.data.name}. {_describe_seeds(explanation)}"
    return draw_robustness_curves(curves.curves, caption=caption)


def draw_run_gates(maps: Sequence[GateMap], run: TrainedRun, explanation: Explanation) -> Figure:
    """Draw the gate maps of one run on the first images."""
    by_site: dict[str, list[GateMap]] = {}
    for gate_map in maps:
        by_site.setdefault(gate_map.site, []).append(gate_map)
    names = pick_evenly_spaced(list(by_site), _MAX_SITES)
    image_count = len(maps[0].values)
    cut = f", {len(names)} of its {len(by_site)} sites" if len(names) < len(by_site) else ""
    caption = (
        f"Gates of {run.name}, seed {run.seed}{cut}, on test images of {explanation.data.name}. "
        f"{GATE_CAPTION}"
    )
    return draw_gate_maps(
        explanation.images[:image_count],
        [_build_site_map(name, by_site[name]) for name in names],
        names=[explanation.data.classes[label] for label in explanation.labels[:image_count]],
        caption=caption,
    )


def _build_site_map(name: str, maps: Sequence[GateMap]) -> SiteMaps:
    """Return the spatial and channel attention of the gates at one site."""
    spatial = [gate_map.spatial_map.numpy() for gate_map in maps if gate_map.kind != "channel"]
    channels = [gate_map.channel_weights.numpy() for gate_map in maps if gate_map.kind != "spatial"]
    return SiteMaps(name, spatial[0] if spatial else None, channels[0] if channels else None)
