"""Writes the tables of the page on speed from the results that the benchmarks keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tables import table, write_lines

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
Found = dict[str, Any]


def write_speed_parts(folder: Path) -> None:
    """Write `speed-NAME.md` into `folder` for each benchmark; one that has kept nothing says how to run it."""
    for name, lines in (("step", steps), ("gates", gates), ("train", loops), ("study", studies)):
        path, part = RESULTS / f"{name}.json", folder / f"speed-{name}.md"
        if path.exists():
            found = json.loads(path.read_text())
            write_lines(part, [*lines(found), measured_with(found)])
        else:
            write_lines(part, [f"Not measured yet: `make bench-{name}` does.\n"])


def measured_with(found: Found) -> str:
    """Say by which command, when and on what."""
    return (
        f"Measured with `{found['command']}` on {found['date']}: {found['machine']}, "
        f"torch {found['torch']}. Medians, with quartiles where there is room; arms take turns.\n"
    )


def steps(found: Found) -> Iterator[str]:
    """Yield a training step by network and dtype, and with each gate as a multiple of that of `none`."""
    arms = found["rows"]
    head = ("", *(f"{arm['model']}, {arm['batch_size']}, {arm['dtype']}" for arm in arms))
    rows = [("`none`", *(f"{arm['quartiles_ms']['none'][1]:.0f} ms" for arm in arms))]
    rows += [
        (
            f"`{name}`",
            *(f"{arm['of_none'][name]:.2f}" if name in arm["of_none"] else "" for arm in arms),
        )
        for name in arms[0]["of_none"]
        if name != "none"
    ]
    yield from table(head, rows, numbers=len(arms))


def gates(found: Found) -> Iterator[str]:
    """Yield forward and backward pass of a series gate by shape, over the floor."""
    names = list(dict.fromkeys(name for row in found["rows"] for name in row["of_ours"]))
    names = [name for name in names if name not in ("ours", "copy")]
    head = ("map, dtype", "ours, ms", "over the floor", *names)
    rows = [
        (
            f"{'x'.join(map(str, row['shape']))}, {row['dtype'].removeprefix('torch.')}",
            f"{row['quartiles_ms']['ours'][1]:.1f}",
            f"{row['ours_over_floor']:.2f}",
            *(f"{row['of_ours'][name]:.2f}" if name in row["of_ours"] else "" for name in names),
        )
        for row in found["rows"]
    ]
    yield from table(head, rows, numbers=len(head) - 1)


def loops(found: Found) -> Iterator[str]:
    """Yield images a second by loop, and whether the loops learn alike."""
    rows = [
        (
            row["loop"],
            f"`{row['attention']}`",
            spread(row["images_per_second"]),
            f"{row['of_plain']:.2f}",
        )
        for row in found["rows"]
    ]
    yield from table(("loop", "attention", "images/s", "of the plain loop"), rows, numbers=2)
    learning = found.get("learning")
    if learning:
        low, high = (100 * end for end in learning["interval"])
        yield (
            f"After {learning['epochs']} epochs of {learning['images']:,} images, {learning['seeds']} seeds of "
            f"each loop: foveal's is **{learning['verdict']}** to the plain one within "
            f"{100 * learning['margin']:g} points, difference {100 * learning['difference']:+.2f} points "
            f"[{low:+.2f}, {high:+.2f}].\n"
        )


def studies(found: Found) -> Iterator[str]:
    """Yield runs an hour of the five variants."""
    rows = [
        (row["arm"], spread(row["runs_per_hour"]), f"{row['of_plain']:.2f}")
        for row in found["rows"]
    ]
    yield from table(("", "runs an hour", "of plain loops"), rows, numbers=2)


def spread(quartiles: list[float]) -> str:
    """Return a median with its quartiles."""
    low, middle, high = quartiles
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"
