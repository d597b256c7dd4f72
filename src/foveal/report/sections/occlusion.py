"""Where the networks look: occlusion maps of the same images side by side, and the mean of each class."""

from __future__ import annotations

from collections.abc import Sequence
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
    SCORE_UNITS,
    MapColumn,
    draw_map_comparison,
    find_difference_pair,
    page_block_size,
    panel_title,
    report_style,
    shared_color_limit,
    shrink_for_page,
)
from foveal.report.blocks import Block, Fold, Heading, Note, Picture, Section, Table, Text, Tiles
from foveal.report.cell_view import Part
from foveal.report.warnings import nothing_left
from foveal.text_format import ABSENT, shorten_name, shorten_names
from foveal.text_tables import Table as TextTable

Array = npt.NDArray[Any]
MOST_SHEETS: Final = 20


def looks_section(part: Part) -> Section:
    """Return maps of the study's fixed images, a picture each, then class sheets and agreement."""
    title = part.titled("Where the networks look")
    name = f"looks{part.suffix}"
    sweeps = collect_occlusion_records(part.left("occlusion"))
    if sweeps is None:
        return Section(name, title, (Note(nothing_left(part, "occlusion maps", "those", "them")),))
    shown = len(sweeps.pictures)
    maps = {variant: sweeps.maps(variant, shown) for variant in sweeps.runs}
    limit = shared_color_limit(maps.values())
    difference = compared(list(maps))
    titles = {variant: titles_of(part, sweeps, variant) for variant in maps}
    pictures = tuple(
        Picture(
            name=f"occlusion-{sweeps.rows[row]}{part.suffix}",
            figure=of_image(part, sweeps, maps, titles, row, limit=limit, difference=difference),
            description=described(part, sweeps, row),
            of={"class": part.classes[sweeps.labels[row]]},
        )
        for row in range(shown)
    )
    blocks: list[Block] = [
        Text(explained(part, sweeps, limit)),
        Tiles(pictures, size="wide"),
        *sheets(part, sweeps, difference),
        *agreement(part),
    ]
    return Section(name, title, tuple(blocks))


def explained(part: Part, sweeps: OcclusionRecords, limit: float) -> str:
    """Say how the maps were made, and how to read them."""
    (h, w), (sy, sx) = sweeps.size("window"), sweeps.size("stride")
    seeds = (
        ""
        if not part.several
        else " A map is the mean over the seeds of its variant, and the words above it say what most seeds "
        "predict."
    )
    return (
        f"The first test images by class, chosen by their place and by no result. Hidden is a window of {h} x "
        f"{w} px, filled with the {sweeps.fill} of the training images, moved by {sy} and {sx} px; a pixel "
        f"shows the mean {SCORE_UNITS[sweeps.score]} over the windows that cover it, of the true class. Red: "
        "hiding this takes evidence away. Blue: it adds some. Black line: half of the scale. One scale for "
        f"all images and variants, up to the 99th percentile of all, {limit:.2g}.{seeds}"
    )


def compared(variants: Sequence[str]) -> tuple[str, str] | None:
    """Return whose difference is shown: of series and the baseline, else of the last and the first.

    >>> compared(["none", "channel", "series:reduction=8", "parallel"])
    ('series:reduction=8', 'none')
    """
    if len(variants) < 2:
        return None
    first, second = find_difference_pair(variants)
    return variants[first], variants[second]


def of_image(
    part: Part,
    sweeps: OcclusionRecords,
    maps: dict[str, Array],
    titles: dict[str, list[str]],
    row: int,
    *,
    limit: float,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw one image and the maps of all variants."""
    picture = sweeps.pictures[row] / 255
    block, window = page_block_size(picture), sweeps.size("window")
    return side_by_side(
        sweeps,
        picture,
        {variant: values[row] for variant, values in maps.items()},
        name=shorten_name(part.classes[sweeps.labels[row]], 16),
        titles={variant: own[row] for variant, own in titles.items()},
        window=(max(1, window[0] // block), max(1, window[1] // block)),
        limit=limit,
        difference=difference,
    )


@report_style()
def side_by_side(
    sweeps: OcclusionRecords,
    picture: Array,
    maps: dict[str, Array],
    *,
    name: str,
    titles: dict[str, str],
    difference: tuple[str, str] | None,
    limit: float,
    window: tuple[int, int] | None = None,
) -> Figure:
    """Draw a picture and beside it a map (H, W) of each variant."""
    named = shorten_names(maps, 18)
    return draw_map_comparison(
        shrink_for_page(picture)[None],
        [
            MapColumn(named[v], shrink_for_page(own)[None], [titles.get(v, "")])
            for v, own in maps.items()
        ],
        names=[name],
        unit="\nof the ".join(SCORE_UNITS[sweeps.score].rsplit(" of the ", 1)),
        window=window,
        limit=limit,
        difference=None if difference is None else (named[difference[0]], named[difference[1]]),
    )


def titles_of(part: Part, sweeps: OcclusionRecords, variant: str) -> list[str]:
    """Say of each picture what most seeds of a variant predict, how sure, and how far hiding lowers that."""
    seeds, guesses = len(sweeps.runs[variant]), sweeps.guesses(variant)
    p, falls = sweeps.sureness(variant), sweeps.falls(variant)
    return [
        panel_title(
            guess,
            int(sweeps.labels[row]),
            shorten_name(part.classes[guess], 14),
            confidence=float(p[row]),
            max_drop=float(falls[row]),
            votes=votes,
            seeds=seeds,
        )
        for row, (guess, votes) in enumerate(guesses[: len(sweeps.pictures)])
    ]


def described(part: Part, sweeps: OcclusionRecords, row: int) -> str:
    """Say in words what a picture shows, for whoever cannot see it."""
    falls = ", ".join(
        f"{variant} {float(sweeps.falls(variant)[row]):.2f}" for variant in sweeps.runs
    )
    name = part.classes[sweeps.labels[row]]
    return f"Occlusion maps of test image {sweeps.rows[row]}, {name}; largest drop: {falls}."


def sheets(part: Part, sweeps: OcclusionRecords, difference: tuple[str, str] | None) -> list[Block]:
    """Return the mean map of each class over images that every run gets right."""
    found = average_maps_by_class(sweeps)
    if not len(found.labels):
        return [
            Heading("Class by class"),
            Note(
                "No class sheets: there is no image among the fixed ones that every run gets right. Longer "
                "training gives some."
            ),
        ]
    limit = shared_color_limit(list(found.maps.values()))
    pictures = tuple(
        Picture(
            name=f"class-sheet-{label}{part.suffix}",
            figure=sheet(part, sweeps, found, place, limit=limit, difference=difference),
            description=f"Mean occlusion maps of {part.classes[label]}.",
            of={"class": part.classes[label]},
        )
        for place, label in enumerate(found.labels[:MOST_SHEETS])
    )
    left = f" Shown are the first {MOST_SHEETS} classes." if len(found.labels) > MOST_SHEETS else ""
    said = (
        "The mean map of each class over its images among the fixed ones that every run gets right, so that "
        f"every mean is over the same images; n of them. One scale, up to {limit:.2g}.{left}"
    )
    return [Fold("Class by class", (Text(said), Tiles(pictures, size="wide")))]


def sheet(
    part: Part,
    sweeps: OcclusionRecords,
    found: MeanClassMaps,
    place: int,
    *,
    limit: float,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw the mean maps of one class beside the first of its images."""
    label, count = int(found.labels[place]), int(found.counts[place])
    pictured = [k for k, row in enumerate(sweeps.labels[: len(sweeps.pictures)]) if row == label]
    white = np.ones((*sweeps.size("image_size"), 3))
    return side_by_side(
        sweeps,
        sweeps.pictures[pictured[0]] / 255 if pictured else white,
        {variant: own[place] for variant, own in found.maps.items()},
        name=f"{shorten_name(part.classes[label], 14)}\nn = {count}",
        titles={},
        limit=limit,
        difference=difference,
    )


def agreement(part: Part) -> list[Block]:
    """Return how far attention, Grad-CAM and occlusion agree, beside gates that know nothing."""
    rows = []
    for arm in part.arms:
        left = [run.extras.get("occlusion", {}) for run in arm.runs]
        known = [one for one in left if "agreement" in one]
        for k, (first, second) in enumerate(known[0]["agreement_of"].tolist() if known else []):
            value = np.array([one["agreement"][k] for one in known])
            control = np.array([one["agreement_control"][k] for one in known])
            site = first.partition(".attention")[0]
            rows.append(
                (
                    arm.variant,
                    f"{site} and {second}",
                    ABSENT if np.isnan(value).all() else f"{np.nanmean(value):.2f}",
                    "" if np.isnan(control).all() else f"{np.nanmean(control):.2f}",
                )
            )
    if not rows:
        return []
    note = (
        "Spearman's rank correlation of two maps over the windows, mean over the fixed images and the seeds. "
        "Control: the same with the gates drawn anew and all else as it was; a map that agrees no better than "
        "that says nothing about what the gate has learned."
    )
    headings = ("variant", "maps", "agreement", "control")
    question = "Does attention look where the network needs to?"
    table = TextTable(question, headings, tuple(rows), note, text_headings=("maps",))
    return [Fold(question, (Table(f"agreement{part.suffix}", table),))]
