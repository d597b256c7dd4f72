"""Where the networks look: occlusion maps of the same images side by side, and the mean of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from foveal.drawing import Column, draw_comparison, shared_limit
from foveal.drawing.lettering import UNITS, mark_of, sureness
from foveal.records import ClassSheets, Sweeps, class_sheets_of, sweeps_of
from foveal.report.arms import BASELINE
from foveal.report.blocks import Block, Fold, Heading, Note, Picture, Section, Table, Text, Tiles
from foveal.report.images import blocks_of, in_blocks
from foveal.report.part import Part
from foveal.report.svg import house_style
from foveal.report.words import ABSENT, short, told_apart
from foveal.tables import Table as TextTable

Array = npt.NDArray[Any]
FAVOURITE: Final = "series"
MOST_SHEETS: Final = 20


def looks_section(part: Part) -> Section:
    """Return maps of the study's fixed images, a picture each, then class sheets and agreement."""
    title = part.titled("Where the networks look")
    name = f"looks{part.suffix}"
    sweeps = sweeps_of(part.left("occlusion"))
    if sweeps is None:
        return Section(name, title, (Note(missing(part)),))
    shown = len(sweeps.pictures)
    maps = {variant: sweeps.maps(variant, shown) for variant in sweeps.runs}
    limit = shared_limit(maps.values())
    difference = compared(list(maps))
    pictures = tuple(
        Picture(
            name=f"occlusion-{sweeps.rows[row]}{part.suffix}",
            figure=of_image(part, sweeps, maps, row, limit=limit, difference=difference),
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


def missing(part: Part) -> str:
    """Say what is missing, and how to get it."""
    what = (
        "This run has left no occlusion maps."
        if part.single
        else "A run has left no occlusion maps, or those of other images than the rest."
    )
    return f"{what} A run leaves them when it is trained without --no-extras."


def explained(part: Part, sweeps: Sweeps, limit: float) -> str:
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
        f"shows the mean {UNITS[sweeps.score]} over the windows that cover it, of the true class. Red: "
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
    first = BASELINE if BASELINE in variants else variants[0]
    named = [variant for variant in variants if variant.partition(":")[0] == FAVOURITE]
    last = named[0] if named else variants[-1]
    return (last, first) if last != first else (variants[-1], variants[0])


@house_style()
def of_image(
    part: Part,
    sweeps: Sweeps,
    maps: dict[str, Array],
    row: int,
    *,
    limit: float,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw one image and the maps of all variants."""
    picture = sweeps.pictures[row] / 255
    named = told_apart(maps, 18)
    columns = [
        Column(named[variant], fewer(values[row])[None], [title(part, sweeps, variant, row)])
        for variant, values in maps.items()
    ]
    block = blocks_of(picture)
    window = sweeps.size("window")
    return draw_comparison(
        fewer(picture)[None],
        columns,
        names=[short(part.classes[sweeps.labels[row]], 16)],
        unit="\nof the ".join(UNITS[sweeps.score].rsplit(" of the ", 1)),
        window=(max(1, window[0] // block), max(1, window[1] // block)),
        limit=limit,
        difference=None if difference is None else (named[difference[0]], named[difference[1]]),
    )


def fewer(values: Array) -> Array:
    """Average blocks of pixels (H, W) or (H, W, C) until no side is longer than a page needs."""
    return in_blocks(values, blocks_of(values))


def title(part: Part, sweeps: Sweeps, variant: str, row: int) -> str:
    """Say what most seeds of a variant predict, how sure they are, and how far hiding lowers that."""
    guess, votes = sweeps.guesses(variant)[row]
    seeds, label = len(sweeps.runs[variant]), int(sweeps.labels[row])
    share = f" {votes}/{seeds}" if seeds > 1 else ""
    sure = sureness(float(sweeps.sureness(variant)[row]), float(sweeps.falls(variant)[row]))
    return f"{mark_of(guess, label)}{short(part.classes[guess], 14)}{share}\n{sure}"


def described(part: Part, sweeps: Sweeps, row: int) -> str:
    """Say in words what a picture shows, for whoever cannot see it."""
    falls = ", ".join(
        f"{variant} {float(sweeps.falls(variant)[row]):.2f}" for variant in sweeps.runs
    )
    name = part.classes[sweeps.labels[row]]
    return f"Occlusion maps of test image {sweeps.rows[row]}, {name}; largest drop: {falls}."


def sheets(part: Part, sweeps: Sweeps, difference: tuple[str, str] | None) -> list[Block]:
    """Return the mean map of each class over images that every run gets right."""
    found = class_sheets_of(sweeps)
    if not len(found.labels):
        return [
            Heading("Class by class"),
            Note(
                "No class sheets: there is no image among the fixed ones that every run gets right. Longer "
                "training gives some."
            ),
        ]
    limit = shared_limit(list(found.maps.values()))
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


@house_style()
def sheet(
    part: Part,
    sweeps: Sweeps,
    found: ClassSheets,
    place: int,
    *,
    limit: float,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw the mean maps of one class beside the first of its images."""
    label, count = int(found.labels[place]), int(found.counts[place])
    pictured = [k for k, row in enumerate(sweeps.labels[: len(sweeps.pictures)]) if row == label]
    picture = (
        sweeps.pictures[pictured[0]] / 255 if pictured else np.ones((*sweeps.size("image_size"), 3))
    )
    named = told_apart(found.maps, 18)
    columns = [Column(named[v], fewer(m[place])[None], [""]) for v, m in found.maps.items()]
    return draw_comparison(
        fewer(picture)[None],
        columns,
        names=[f"{short(part.classes[label], 14)}\nn = {count}"],
        unit="\nof the ".join(UNITS[sweeps.score].rsplit(" of the ", 1)),
        limit=limit,
        difference=None if difference is None else (named[difference[0]], named[difference[1]]),
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
    table = TextTable(question, headings, tuple(rows), note, words=("maps",))
    return [Fold(question, (Table(f"agreement{part.suffix}", table),))]
