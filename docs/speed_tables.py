"""Tables of the page on speed, written from the result files of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_tables import markdown_table, write_lines

RESULTS_FOLDER = Path(__file__).parents[1] / "benchmarks" / "results"
Results = dict[str, Any]


def write_speed_tables(folder: Path) -> None:
    """Write `speed-NAME.md` into `folder` for each benchmark; without results, the command to run it."""
    for name, lines in (
        ("step", step_lines),
        ("gates", gate_lines),
        ("train", training_lines),
        ("study", study_lines),
    ):
        path, page = RESULTS_FOLDER / f"{name}.json", folder / f"speed-{name}.md"
        if path.exists():
            results = json.loads(path.read_text())
            write_lines(page, [*lines(results), conditions_sentence(results)])
        else:
            write_lines(page, [f"Not measured yet. Run `make bench-{name}`.\n"])


def conditions_sentence(results: Results) -> str:
    """Return the sentence about command, date, machine and version."""
    return (
        f"Measured with `{results['command']}` on {results['date']}: {results['machine']}, "
        f"torch {results['torch']}. Medians, some with quartiles; all arms are interleaved.\n"
    )


def step_lines(results: Results) -> Iterator[str]:
    """Yield the table of training steps by network and dtype, as multiples of `none`."""
    arms = results["rows"]
    head = ("", *(f"{arm['model']}, {arm['batch_size']}, {arm['dtype']}" for arm in arms))
    rows = [("`none`", *(f"{arm['quartiles_ms']['none'][1]:.0f} ms" for arm in arms))]
    rows += [
        (f"`{name}`", *(format_ratio(arm["ratio_to_none"].get(name)) for arm in arms))
        for name in arms[0]["ratio_to_none"]
        if name != "none"
    ]
    yield from markdown_table(head, rows, numbers=len(arms))


def gate_lines(results: Results) -> Iterator[str]:
    """Yield the table of forward and backward passes of a CBAM gate by shape."""
    names = list(dict.fromkeys(name for row in results["rows"] for name in row["ratio_to_foveal"]))
    names = [name for name in names if name not in ("foveal", "copy")]
    head = ("map, dtype", "foveal, ms", "relative to lower bound", *names)
    rows = [
        (
            f"{'x'.join(map(str, row['shape']))}, {row['dtype'].removeprefix('torch.')}",
            f"{row['quartiles_ms']['foveal'][1]:.1f}",
            f"{row['foveal_over_bound']:.2f}",
            *(
                f"{row['ratio_to_foveal'][name]:.2f}" if name in row["ratio_to_foveal"] else ""
                for name in names
            ),
        )
        for row in results["rows"]
    ]
    yield from markdown_table(head, rows, numbers=len(head) - 1)


def training_lines(results: Results) -> Iterator[str]:
    """Yield the table of images per second by loop, and the comparison of accuracies."""
    rows = [
        (
            row["loop"],
            f"`{row['attention']}`",
            format_quartiles(row["images_per_second"]),
            f"{row['ratio_to_plain']:.2f}",
        )
        for row in results["rows"]
    ]
    yield from markdown_table(
        ("loop", "attention", "images/s", "relative to plain"), rows, numbers=2
    )
    learning = results.get("learning")
    if learning:
        low, high = (100 * end for end in learning["interval"])
        yield (
            f"Accuracy after {learning['epochs']} epochs of {learning['images']:,} images, "
            f"{learning['seeds']} seeds per loop: foveal is **{learning['verdict']}** to the plain loop within "
            f"{100 * learning['margin']:g} points; difference {100 * learning['difference']:+.2f} points "
            f"[{low:+.2f}, {high:+.2f}].\n"
        )


def study_lines(results: Results) -> Iterator[str]:
    """Yield the table of runs per hour of the five-variant study."""
    rows = [
        (row["arm"], format_quartiles(row["runs_per_hour"]), f"{row['ratio_to_plain']:.2f}")
        for row in results["rows"]
    ]
    yield from markdown_table(("", "runs per hour", "relative to plain loops"), rows, numbers=2)


def format_ratio(ratio: float | None) -> str:
    """Return a ratio with two decimals; empty for None."""
    return "" if ratio is None else f"{ratio:.2f}"


def format_quartiles(quartiles: list[float]) -> str:
    """Return a median and its quartiles as text."""
    low, median, high = quartiles
    return f"{median:,.0f} ({low:,.0f} to {high:,.0f})"
