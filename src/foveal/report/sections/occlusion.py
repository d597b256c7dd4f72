"""Section "Where it looks": occlusion maps of the same images side by side, mean maps, gates, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from foveal.analysis import (
    OcclusionRecords,
    average_maps_by_class,
    collect_occlusion_records,
    compare_maps,
)
from foveal.plotting import SCORE_UNITS, color_signed_map, compute_color_limit
from foveal.report.blocks import (
    Block,
    Callout,
    Fold,
    HtmlBlock,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.report.sections.agreement import build_agreement_table
from foveal.report.sections.gates import build_gates_fold
from foveal.report.templating import render_template
from foveal.report.tiles import SharedImages, Tile, render_tile_table, shrink_map
from foveal.report.warnings import missing_extra_message
from foveal.text_format import (
    format_count,
    join_with_and,
    shorten_name,
    shorten_names,
    use_minus_signs,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

_Array = npt.NDArray[Any]
_MAX_IMAGES: Final = 10
_MAX_COLUMNS_SIDE_BY_SIDE: Final = 6
_MAX_CLASS_MAPS: Final = 20
_MIN_AGREEMENT_LOSS: Final = 0.1
"""Correlation by which variant and baseline must agree less than their own seeds to look at other places."""


def build_occlusion_section(cell: CellView) -> Section:
    """Return the maps of the first probe images, and the details folded."""
    name, title = f"looks{cell.suffix}", "Where it looks"
    records = collect_occlusion_records(cell.list_extras("occlusion"))
    gates = build_gates_fold(cell, records)
    if records is None:
        message = Callout(missing_extra_message(cell, "occlusion maps"))
        return Section(name, title, (message, *gates))
    maps = {
        variant: records.average_maps(variant, len(records.shown_images))
        for variant in records.runs
    }
    limit = compute_color_limit(maps.values())
    images = SharedImages(f"p{cell.number}-", records.shown_images)
    rows = [
        _build_row(cell, records, images, maps, index, limit)
        for index in range(len(records.shown_images))
    ]
    blocks: list[Block] = [
        Paragraph(_explain(cell, records)),
        *_build_conclusion(records),
        HtmlBlock(_render_rows(images, maps, rows[:_MAX_IMAGES], limit, with_images=True)),
    ]
    if len(rows) > _MAX_IMAGES:
        rest = HtmlBlock(_render_rows(images, maps, rows[_MAX_IMAGES:], limit))
        blocks.append(Fold("More images", format_count(len(rows) - _MAX_IMAGES, "image"), (rest,)))
    blocks += gates
    blocks += _build_class_maps(cell, records)
    numbers = TableBlock(f"occlusion{cell.suffix}", _build_number_table(cell, records))
    tables = [*build_agreement_table(cell), numbers]
    hint = "agreement with the attention and with Grad-CAM; prediction and largest effect of each image"
    if len(tables) == 1:
        hint = "prediction and largest effect of each image"
    blocks.append(Fold("Numbers of the maps", hint, tuple(tables)))
    return Section(name, title, tuple(blocks))


def _explain(cell: CellView, records: OcclusionRecords) -> str:
    """Return how the maps are made and what their colors mean."""
    height, width = records.get_size("window")
    mean = f" Mean of {cell.seed_count} seeds, one scale for all." if cell.has_several_seeds else ""
    below = (
        f" Below each: how many of {cell.seed_count} seeds are right."
        if cell.has_several_seeds
        else " Below each: right or wrong."
    )
    return (
        f"A plain patch of {height} × {width} px hides one place after the other; the color shows how much the "
        f"{_name_score(records)} falls.{mean} The images are the first of each class, not picked.{below}"
    )


def _build_conclusion(records: OcclusionRecords) -> list[Paragraph]:
    """Return whether the variants look at other places than the baseline; empty without several seeds."""
    agreement = compare_maps(records)
    baseline = agreement.pop(BASELINE, None)
    if baseline is None or not agreement:
        return []
    others = [
        name
        for name, each in agreement.items()
        if each.with_baseline < min(each.between_runs, baseline.between_runs) - _MIN_AGREEMENT_LOSS
    ]
    finding = (
        f"{join_with_and([f'`{name}`' for name in others])} look{'s' if len(others) == 1 else ''} at other "
        f"places than `{BASELINE}`"
        if others
        else f"Not distinguishable from `{BASELINE}`: seeds of one variant differ as much"
    )
    pairs = ", ".join(
        f"`{name}` {each.with_baseline:.2f} (two of its own seeds {each.between_runs:.2f})"
        for name, each in agreement.items()
    )
    images = format_count(len(records.labels), "test image")
    text = (
        f"{finding}. Correlation of its maps with those of `{BASELINE}` over {images}: {pairs}; two seeds "
        f"of `{BASELINE}` {baseline.between_runs:.2f}. "
    )
    shares = [
        f"`{name}` {100 * float(np.mean([run['predicted'] == records.labels for run in runs])):.0f} %"
        for name, runs in records.runs.items()
    ]
    return [
        Paragraph(use_minus_signs(f"{text}Right answers on these images: {', '.join(shares)}."))
    ]


def _name_score(records: OcclusionRecords) -> str:
    """Return the score whose drop the maps show, for the true class."""
    unit = SCORE_UNITS[records.score].removeprefix("drop of the ")
    return unit.replace("of the class", "of the true class")


def _build_row(
    cell: CellView,
    records: OcclusionRecords,
    images: SharedImages,
    maps: Mapping[str, _Array],
    index: int,
    limit: float,
) -> tuple[Tile, list[Tile]]:
    """Return the tile of one image, and those of its maps by all variants."""
    name = cell.classes[records.labels[index]]
    short = shorten_name(name, 12)
    picture = Tile(images.draw(index, f"Test image: {name}"), short)
    tiles = []
    for variant, values in maps.items():
        runs = records.runs[variant]
        right = sum(int(run["predicted"][index] == records.labels[index]) for run in runs)
        overlay = color_signed_map(shrink_map(values[index]), limit=limit)
        confidence = float(records.average_confidences(variant)[index])
        count = (
            f"{right} of {len(runs)} seeds right"
            if len(runs) > 1
            else "right"
            if right
            else "wrong"
        )
        description = (
            f"{variant} on {name}: {count}, mean probability {confidence:.2f}; hiding the "
            f"{_describe_strongest(values[index])}"
        )
        tone = "ok" if right == len(runs) else "" if right else "no"
        text = f"right {right} of {len(runs)}" if len(runs) > 1 else count
        tiles.append(Tile(images.draw(index, description, overlay), text, tone))
    return picture, tiles


def _describe_strongest(values: _Array) -> str:
    """Return the place with the strongest effect in a map, and the effect.

    >>> _describe_strongest(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -0.5], [0.0, 0.0, 0.0]]))
    'middle right raises it by 0.50'
    """
    known = np.nan_to_num(values)
    row, column = np.unravel_index(int(np.abs(known).argmax()), known.shape)
    vertical = ("top", "middle", "bottom")[3 * int(row) // known.shape[0]]
    horizontal = ("left", "center", "right")[3 * int(column) // known.shape[1]]
    value = float(known[row, column])
    return f"{vertical} {horizontal} {'lowers' if value >= 0 else 'raises'} it by {abs(value):.2f}"


def _render_rows(
    images: SharedImages,
    maps: Mapping[str, _Array],
    rows: Sequence[tuple[Tile, list[Tile]]],
    limit: float,
    *,
    with_images: bool = False,
) -> Markup:
    """Return the rows in two blocks side by side, or in one for many variants."""
    headings = ["image" if rows[0][0].svg else "class", *shorten_names(maps, 10).values()]
    blocks = 2 if len(headings) <= _MAX_COLUMNS_SIDE_BY_SIDE and len(rows) > 2 else 1
    size = -(-len(rows) // blocks)
    tables = [
        render_tile_table(f"Occlusion maps, part {part + 1}", headings, rows[size * part :][:size])
        for part in range(blocks)
    ]
    return render_template(
        "occlusion_maps.html.j2",
        definitions=images.render_definitions() if with_images else "",
        tables=tables,
        limit=f"{limit:.2g}",
        is_clipped=any(float(np.nanmax(np.abs(values))) > limit for values in maps.values()),
    )


def _build_class_maps(cell: CellView, records: OcclusionRecords) -> list[Block]:
    """Return the mean map of each class over the images that every run classifies correctly."""
    means = average_maps_by_class(records)
    if not len(means.labels):
        return []
    limit = compute_color_limit(list(means.maps.values()))
    shown = means.labels[:_MAX_CLASS_MAPS]
    blank = np.full((*records.get_size("image_size"), 3), 128, np.uint8)
    pictures = SharedImages(f"m{cell.number}-", [blank] * len(shown))
    rows = []
    for index, label in enumerate(shown):
        count = int(means.image_counts[index])
        name = cell.classes[label]
        heading = Tile(Markup(""), f"{shorten_name(name, 12)}, {format_count(count, 'image')}")
        tiles = []
        for variant, maps in means.maps.items():
            effect = _describe_strongest(maps[index])
            description = f"{variant}, mean of {name}: hiding the {effect}"
            overlay = color_signed_map(shrink_map(maps[index]), limit=limit)
            tiles.append(Tile(pictures.draw(0, description, overlay)))
        rows.append((heading, tiles))
    text = (
        "Mean over the test images of a class that every run classifies correctly, so that all maps of "
        "a row are "
        "about the same images."
    )
    first = SharedImages(f"m{cell.number}-", [blank])
    html = _render_rows(first, means.maps, rows, limit, with_images=True)
    return [
        Fold("Mean maps by class", "the same maps, averaged", (Paragraph(text), HtmlBlock(html)))
    ]


def _build_number_table(cell: CellView, records: OcclusionRecords) -> Table:
    """Return prediction, confidence and largest drop of each probe image and variant."""
    rows = []
    for variant in records.runs:
        votes = records.find_majority_predictions(variant)
        confidences, drops = (
            records.average_confidences(variant),
            records.compute_max_drops(variant),
        )
        for index in range(len(records.shown_images)):
            predicted, count = votes[index]
            rows.append(
                (
                    variant,
                    str(records.image_indices[index]),
                    cell.classes[records.labels[index]],
                    cell.classes[predicted],
                    f"{count}/{len(records.runs[variant])}",
                    f"{confidences[index]:.2f}",
                    f"{drops[index]:.2f}",
                )
            )
    headings = (
        "variant",
        "test image",
        "true class",
        "answer of most seeds",
        "seeds",
        "probability",
        "largest drop",
    )
    note = (
        "Probability of the true class, mean over the seeds, and the largest drop when a patch is "
        "hidden, which is "
        f"filled with the {records.fill} of the training images."
    )
    return Table(
        "Occlusion of each image", headings, tuple(rows), note, text_headings=headings[2:4]
    )
