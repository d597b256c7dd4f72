"""Two studies side by side: what each found, and in what they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from foveal.analysis.variant_runs import VariantRuns, group_runs_by_variant
from foveal.errors import UsageError
from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    TEXT_COLOR,
    VARIANT_COLORS,
    new_figure,
    report_style,
)
from foveal.records import StudyRecord, read_study
from foveal.report.blocks import Block, Note, Picture, Section, Table, Text
from foveal.report.cell_view import Part
from foveal.report.document import Content
from foveal.report.sections.provenance import as_text, config_of
from foveal.report.warnings import missing_pieces
from foveal.text_format import (
    ABSENT,
    format_count,
    format_interval,
    format_mean_and_sd,
    format_points,
    shorten_name,
)
from foveal.text_tables import Table as TextTable
from foveal.variant_names import BASELINE


def content_of_two(first: Path, second: Path) -> Content:
    """Collect what two studies found of the same variants, and what sets the studies apart.

    Each verdict is the study's own, against its own baseline. There is none of one study against the
    other: they may differ in more than a reader has in mind, and what differs stands in a table.

    Raises:
        UsageError: one of them is no study, has no finished run or a grid, or they share no variant.
        FovealError: a file is damaged.
    """
    names = names_of(first, second)
    parts = tuple(
        part_of(folder, name, place)
        for place, (folder, name) in enumerate(zip((first, second), names, strict=True), 1)
    )
    shared = [arm.variant for arm in parts[0].arms if arm.variant in arms_by_name(parts[1])]
    if not shared:
        raise UsageError(
            f"{first} and {second} have no variant in common: there is nothing to compare."
        )
    blocks: list[Block] = [Table("compared", both_table(parts, shared))]
    judged = [v for v in shared if all(arms_by_name(part)[v].comparison for part in parts)]
    if judged and all(part.has_intervals for part in parts):
        blocks.append(
            Picture(
                name="compared",
                figure=both_forests(parts, judged),
                description="Difference to none with its interval by variant, in both studies.",
                caption=f"Difference to {BASELINE} of the same study, with its interval. Shaded: the smaller "
                "margin.",
                width="column",
            )
        )
    sections = (
        Section("compared", "Both results", tuple(blocks)),
        Section("apart", "In what they differ", tuple(apart(parts))),
    )
    return Content(f"{parts[0].label} beside {parts[1].label}", parts, notes(parts), sections)


def names_of(first: Path, second: Path) -> tuple[str, str]:
    """Return what the studies are called: their folders, with those above where the names are equal."""
    one, other = first.resolve(), second.resolve()
    if one.name != other.name:
        return one.name, other.name
    return f"{one.parent.name}/{one.name}", f"{other.parent.name}/{other.name}"


def part_of(folder: Path, name: str, place: int) -> Part:
    """Read one study."""
    study = read_study(folder)
    found = [part for part in study.parts() if part.runs]
    if not found:
        raise UsageError(f"{folder} has no finished run yet: there is nothing to compare.")
    if len(found) > 1:
        raise UsageError(f"{folder} has {len(found)} settings: its own report compares them.")
    return Part(tuple(group_runs_by_variant(found[0])), found[0], name, place)


def arms_by_name(part: Part) -> dict[str, VariantRuns]:
    """Return the variants of a study by name."""
    return {arm.variant: arm for arm in part.arms}


def both_table(parts: Sequence[Part], shared: Sequence[str]) -> TextTable:
    """Return one row a shared variant: accuracy, difference and verdict in each study."""
    rows = []
    for variant in shared:
        cells = [variant]
        for part in parts:
            arm = arms_by_name(part)[variant]
            cells += [
                f"{format_mean_and_sd(arm.results('test_accuracy'))}\n{format_count(len(arm.runs), 'seed')}"
            ]
            cells += found_cells(arm)
        rows.append(tuple(cells))
    headings = ["variant"]
    words = []
    for part in parts:
        name = shorten_name(part.label, 24)
        headings += [f"{name}: accuracy in %", f"{name}: difference", f"{name}: verdict"]
        words.append(headings[-1])
    note = (
        f"Each difference is to {BASELINE} of the same study, in points, over its interval. Verdicts are each "
        "study's own; that they differ between studies does not show that the studies do."
    )
    return TextTable("Both results", tuple(headings), tuple(rows), note, text_headings=tuple(words))


def found_cells(arm: VariantRuns) -> list[str]:
    """Return difference and verdict of a variant."""
    found = arm.comparison
    if found is None:
        return [ABSENT, "baseline" if arm.variant == BASELINE else ABSENT]
    ends = "" if found.detectable_difference is None else f"\n{format_interval(found.interval)}"
    return [f"{format_points(found.difference)}{ends}", found.verdict]


def notes(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return what belongs beside the verdicts of each study."""
    return tuple(
        f"{part.label}: {note}"
        for part in parts
        if part.study
        for note in (*missing_pieces(part.study, part.arms), *part.study.notes)
    )


def apart(parts: Sequence[Part]) -> list[Block]:
    """Return the options in which the studies differ, and whether they read the same data."""
    facts = [facts_of(part.study) for part in parts if part.study]
    names = list(dict.fromkeys(name for one in facts for name in one))
    rows = [
        (name, *(one.get(name, ABSENT) for one in facts))
        for name in names
        if len({one.get(name) for one in facts}) > 1
    ]
    if not rows:
        return [
            Text("In nothing that is on record: configuration, data and environment are alike.")
        ]
    table = TextTable(
        "Options that differ",
        ("option", *(part.label for part in parts)),
        tuple(rows),
        text_headings=tuple(part.label for part in parts),
    )
    blocks: list[Block] = [Table("apart", table)]
    if len({one["checksum of the data"] for one in facts}) > 1:
        blocks.insert(0, Note("The studies did not read the same data."))
    return blocks


def facts_of(study: StudyRecord) -> dict[str, str]:
    """Return the configuration of a study, and of its data and environment what may matter."""
    sums = sorted({run.results["data_checksum"] for run in study.runs})
    machines: Mapping[str, Any] = study.runs[0].environment if study.runs else {}
    known = {
        name: str(value) for name, value in machines.items() if name not in ("command", "date")
    }
    return {**as_text(config_of(study.design)), "checksum of the data": ", ".join(sums), **known}


@report_style()
def both_forests(parts: Sequence[Part], variants: Sequence[str]) -> Figure:
    """Draw the differences of both studies, those of one variant beside each other."""
    figure = new_figure(480, 90 + 40 * len(variants))
    axes = figure.add_subplot()
    margins = [100 * part.comparisons[0].margin for part in parts]
    axes.axvspan(-min(margins), min(margins), color=GRID_COLOR, alpha=0.5, linewidth=0)
    axes.axvline(0, color=TEXT_COLOR, linewidth=1)
    looks = zip(parts, (-0.15, 0.15), (TEXT_COLOR, VARIANT_COLORS[0]), "os", strict=True)
    for part, shift, color, marker in looks:
        for row, variant in enumerate(variants):
            found = arms_by_name(part)[variant].comparison
            if found is None:
                continue
            low, high = found.interval
            if not math.isnan(low):
                ends = [100 * low, 100 * high]
                axes.plot(ends, [row + shift] * 2, color=color, linewidth=2)
            axes.plot(
                100 * found.difference,
                row + shift,
                color=color,
                marker=marker,
                linestyle="none",
                label=shorten_name(part.label, 28) if row == 0 else None,
            )
    axes.set_yticks(range(len(variants)), [shorten_name(variant, 24) for variant in variants])
    axes.set_ylim(len(variants) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("points of test accuracy", color=MUTED_COLOR)
    figure.legend(loc="outside upper left", ncols=2)
    return figure
