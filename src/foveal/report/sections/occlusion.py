"""Occlusion section: occlusion maps of the same images side by side, mean maps by class, and agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from foveal.analysis import (
    MeanClassMaps,
    OcclusionRecords,
    average_maps_by_class,
    collect_occlusion_records,
)
from foveal.plotting import (
    CLASS_MAP_CAPTION,
    SCORE_UNITS,
    MapColumn,
    compute_color_limit,
    compute_page_block_size,
    draw_map_comparison,
    find_difference_pair,
    format_color_caption,
    format_panel_titles,
    shrink_for_page,
    use_report_style,
)
from foveal.records import Arrays
from foveal.report.blocks import (
    Block,
    Callout,
    Collapsible,
    FigureBlock,
    FigureGrid,
    Heading,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.report.warnings import missing_extra_message
from foveal.text_format import ABSENT_VALUE, shorten_name, shorten_names
from foveal.text_tables import Table
from foveal.variant_names import GATE_MODULE_NAME

_Array = npt.NDArray[Any]
_MAX_CLASS_MAPS: Final = 20


def build_occlusion_section(cell: CellView) -> Section:
    """Return a figure per probe image, the mean maps by class, and the agreement of maps."""
    name, title = f"occlusion{cell.suffix}", cell.add_label("Occlusion sensitivity")
    records = collect_occlusion_records(cell.list_extras("occlusion"))
    if records is None:
        return Section(name, title, (Callout(missing_extra_message(cell, "occlusion maps")),))
    image_count = len(records.shown_images)
    maps = {variant: records.average_maps(variant, image_count) for variant in records.runs}
    limit = compute_color_limit(maps.values())
    difference = choose_difference_pair(list(maps))
    titles = {variant: _format_map_titles(cell, records, variant) for variant in maps}
    figures = tuple(
        FigureBlock(
            name=f"occlusion-{records.image_indices[index]}{cell.suffix}",
            figure=_draw_image_maps(
                cell, records, maps, titles, index, limit=limit, difference=difference
            ),
            description=_describe_image_maps(cell, records, index),
            filters={"class": cell.classes[records.labels[index]]},
        )
        for index in range(image_count)
    )
    blocks: list[Block] = [
        Paragraph(_explain_maps(cell, records, limit)),
        FigureGrid(figures, size="wide"),
        *_build_mean_class_maps(cell, records, difference),
        *_build_agreement_table(cell),
    ]
    return Section(name, title, tuple(blocks))


def _explain_maps(cell: CellView, records: OcclusionRecords, limit: float) -> str:
    """Return the explanation of the sweep and of the colors."""
    window, stride = records.get_size("window"), records.get_size("stride")
    seeds = (
        " A map is the mean over the seeds of its variant, and its title has the prediction of most seeds."
        if cell.has_several_seeds
        else ""
    )
    return (
        "The probe images are the first test images of each class, chosen by their index and not by a result. "
        f"A window of {window[0]} x {window[1]} px hides a part of the image. It is filled with the "
        f"{records.fill} of the training images and moves by {stride[0]} and {stride[1]} px. A pixel shows the "
        f"mean {SCORE_UNITS[records.score]} over the windows that cover it, for the true class. "
        f"{format_color_caption(limit)}{seeds}"
    )


def choose_difference_pair(variants: Sequence[str]) -> tuple[str, str] | None:
    """Return the two variants whose difference is shown, or None for a single variant.

    >>> choose_difference_pair(["none", "channel", "cbam:reduction=8", "bam"])
    ('cbam:reduction=8', 'none')
    """
    if len(variants) < 2:
        return None
    first, second = find_difference_pair(variants)
    return variants[first], variants[second]


def _draw_image_maps(
    cell: CellView,
    records: OcclusionRecords,
    maps: Mapping[str, _Array],
    titles: Mapping[str, Sequence[str]],
    index: int,
    *,
    limit: float,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw one image and its maps by all variants."""
    picture = records.shown_images[index] / 255
    block, window = compute_page_block_size(picture), records.get_size("window")
    return _draw_maps(
        records,
        picture,
        {variant: values[index] for variant, values in maps.items()},
        name=shorten_name(cell.classes[records.labels[index]], 16),
        titles={variant: values[index] for variant, values in titles.items()},
        window=(max(1, window[0] // block), max(1, window[1] // block)),
        limit=limit,
        difference=difference,
    )


@use_report_style()
def _draw_maps(
    records: OcclusionRecords,
    picture: _Array,
    maps: Mapping[str, _Array],
    *,
    name: str,
    titles: Mapping[str, str],
    difference: tuple[str, str] | None,
    limit: float,
    window: tuple[int, int] | None = None,
) -> Figure:
    """Draw a picture and, next to it, a map (H, W) of each variant."""
    names = shorten_names(maps, 18)
    return draw_map_comparison(
        shrink_for_page(picture)[None],
        [
            MapColumn(names[variant], shrink_for_page(values)[None], [titles.get(variant, "")])
            for variant, values in maps.items()
        ],
        names=[name],
        unit="\nof the ".join(SCORE_UNITS[records.score].rsplit(" of the ", 1)),
        window=window,
        limit=limit,
        difference=None if difference is None else (names[difference[0]], names[difference[1]]),
    )


def _format_map_titles(cell: CellView, records: OcclusionRecords, variant: str) -> list[str]:
    """Return the title of each map: the prediction of most seeds, the confidence and the largest drop."""
    predictions, votes = zip(
        *records.find_majority_predictions(variant)[: len(records.shown_images)], strict=True
    )
    return format_panel_titles(
        predictions,
        [shorten_name(cell.classes[prediction], 14) for prediction in predictions],
        labels=records.labels.tolist(),
        confidences=records.average_confidences(variant).tolist(),
        max_drops=records.compute_max_drops(variant).tolist(),
        votes=votes,
        seeds=len(records.runs[variant]),
    )


def _describe_image_maps(cell: CellView, records: OcclusionRecords, index: int) -> str:
    """Return the description of a figure for screen readers."""
    max_drops = ", ".join(
        f"{variant} {float(records.compute_max_drops(variant)[index]):.2f}"
        for variant in records.runs
    )
    name = cell.classes[records.labels[index]]
    return f"Occlusion maps of test image {records.image_indices[index]}, {name}; largest drop: {max_drops}."


def _build_mean_class_maps(
    cell: CellView, records: OcclusionRecords, difference: tuple[str, str] | None
) -> list[Block]:
    """Return the mean map of each class over the images that every run classifies correctly."""
    means = average_maps_by_class(records)
    if not len(means.labels):
        return [
            Heading("Mean maps by class"),
            Callout(
                "There are no mean maps, because no probe image is classified correctly by every run. Train "
                "longer to get some."
            ),
        ]
    limit = compute_color_limit(list(means.maps.values()))
    figures = tuple(
        FigureBlock(
            name=f"class-map-{label}{cell.suffix}",
            figure=_draw_class_maps(
                cell, records, means, index, limit=limit, difference=difference
            ),
            description=f"Mean occlusion maps of {cell.classes[label]}.",
            filters={"class": cell.classes[label]},
        )
        for index, label in enumerate(means.labels[:_MAX_CLASS_MAPS])
    )
    omitted = (
        f" Only the first {_MAX_CLASS_MAPS} classes are shown."
        if len(means.labels) > _MAX_CLASS_MAPS
        else ""
    )
    explanation = f"{CLASS_MAP_CAPTION} The scale goes up to {limit:.2g}.{omitted}"
    return [
        Collapsible(
            "Mean maps by class", (Paragraph(explanation), FigureGrid(figures, size="wide"))
        )
    ]


def _draw_class_maps(
    cell: CellView,
    records: OcclusionRecords,
    means: MeanClassMaps,
    index: int,
    *,
    limit: float,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw the mean maps of one class next to the first of its images."""
    label, count = int(means.labels[index]), int(means.image_counts[index])
    with_picture = np.flatnonzero(records.labels[: len(records.shown_images)] == label)
    blank = np.ones((*records.get_size("image_size"), 3))
    return _draw_maps(
        records,
        records.shown_images[with_picture[0]] / 255 if len(with_picture) else blank,
        {variant: values[index] for variant, values in means.maps.items()},
        name=f"{shorten_name(cell.classes[label], 14)}\nn = {count}",
        titles={},
        limit=limit,
        difference=difference,
    )


def _build_agreement_table(cell: CellView) -> list[Block]:
    """Return the agreement of attention, Grad-CAM and occlusion, with the rank among redrawn gates."""
    rows = []
    for group in cell.groups:
        extras = [run.extras.get("occlusion", {}) for run in group.runs]
        stored = [arrays for arrays in extras if "agreement_rank" in arrays]
        pairs = stored[0]["agreement_pairs"].tolist() if stored else []
        for index, (first, second) in enumerate(pairs):
            values = np.array([arrays["agreement"][index] for arrays in stored])
            activations = np.array([arrays["agreement_activation"][index] for arrays in stored])
            site = first.rpartition(f".{GATE_MODULE_NAME}")[0]
            rows.append(
                (
                    group.variant,
                    f"{site} and {second}",
                    ABSENT_VALUE if np.isnan(values).all() else f"{np.nanmean(values):.2f}",
                    _format_ranks(stored, index),
                    "" if np.isnan(activations).all() else f"{np.nanmean(activations):.2f}",
                )
            )
    if not rows:
        return []
    note = (
        "Spearman's rank correlation of two maps over the windows, mean over the probe images and the seeds. "
        "The rank is that of the gate among itself and gates with new random weights at the same site of the "
        "same network; with several seeds, its median and its range. Rank 1 of 21 happens to one gate in 21 "
        "by chance, and a gate in the middle has learned nothing that the map shows. The last column is the "
        "agreement of the mean absolute value of the features at the site, without any gate: attention that "
        "does not exceed it may only repeat where the features are large."
    )
    title = "Agreement of attention, Grad-CAM and occlusion"
    headings = ("variant", "maps", "agreement", "rank among redrawn gates", "features alone")
    table = Table(title, headings, tuple(rows), note, text_headings=("maps",))
    return [Collapsible(title, (TableBlock(f"agreement{cell.suffix}", table),))]


def _format_ranks(stored: Sequence[Arrays], index: int) -> str:
    """Return the ranks of one pair of maps over the seeds; empty for maps without redrawn gates."""
    ranks = np.array([arrays["agreement_rank"][index] for arrays in stored])
    ranks = ranks[~np.isnan(ranks)]
    if not len(ranks):
        return ""
    low, median, high = (f"{value:g}" for value in np.quantile(ranks, [0, 0.5, 1]))
    several = f" ({low} to {high})" if low != high else ""
    return f"{median}{several} of {stored[0]['agreement_draws'][index] + 1}"
