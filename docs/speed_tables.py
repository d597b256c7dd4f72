"""Tables of the page on speed, written from the result files of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_tables import markdown_table, write_lines

RESULTS_FOLDER = Path(__file__).parents[1] / "benchmarks" / "results"
INSTRUCTION_SETS = {"v4": "AVX-512", "v3": "AVX2"}
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
    """Yield a table per instruction set: training steps by network and dtype, relative to plain PyTorch."""
    for isa, arms in group_by_instruction_set(results):
        head = (isa, *(f"{arm['model']}, {arm['batch_size']}, {arm['dtype']}" for arm in arms))
        rows = [
            ("`none plain`", *(f"{arm['quartiles_ms']['none plain'][1]:.0f} ms" for arm in arms))
        ]
        rows += [
            (f"`{name}`", *(format_ratio(arm["ratio_to_plain_none"].get(name)) for arm in arms))
            for name in arms[0]["ratio_to_plain_none"]
            if name != "none plain"
        ]
        rows += [
            (
                f"added time, {pair}",
                *(format_ratio(arm["added_time_ratio"].get(pair)) for arm in arms),
            )
            for pair in arms[0]["added_time_ratio"]
        ]
        yield from markdown_table(head, rows, numbers=len(arms))


def gate_lines(results: Results) -> Iterator[str]:
    """Yield a table per instruction set: forward and backward passes of gates by shape."""
    for isa, measured in group_by_instruction_set(results):
        names = list(dict.fromkeys(name for row in measured for name in row["ratio_to_foveal"]))
        names = [name for name in names if name not in ("foveal", "copy")]
        head = (f"{isa}: gate, map, dtype", "foveal, ms", "relative to lower bound", *names)
        rows = [
            (
                f"{row['gate']}, {'x'.join(map(str, row['shape']))}, {row['dtype']}",
                f"{row['quartiles_ms']['foveal'][1]:.1f}",
                f"{row['foveal_over_bound']:.2f}",
                *(format_ratio(row["ratio_to_foveal"].get(name)) for name in names),
            )
            for row in measured
        ]
        yield from markdown_table(head, rows, numbers=len(head) - 1)


def group_by_instruction_set(results: Results) -> Iterator[tuple[str, list[Results]]]:
    """Yield the name of each instruction set and its rows."""
    for isa in dict.fromkeys(row["instruction_set"] for row in results["rows"]):
        name = INSTRUCTION_SETS.get(isa, isa)
        yield name, [row for row in results["rows"] if row["instruction_set"] == isa]


def training_lines(results: Results) -> Iterator[str]:
    """Yield a table per instruction set of images per second by loop, and the comparison of accuracies."""
    for isa, measured in group_by_instruction_set(results):
        rows = [
            (
                row["loop"],
                f"`{row['attention']}`",
                format_quartiles(row["images_per_second"]),
                f"{row['ratio_to_plain']:.2f}",
            )
            for row in measured
        ]
        head = (f"{isa}: loop", "attention", "images/s", "relative to plain")
        yield from markdown_table(head, rows, numbers=2)
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
    """Yield a table per instruction set of runs per hour of the five-variant study."""
    for isa, measured in group_by_instruction_set(results):
        rows = [
            (row["arm"], format_quartiles(row["runs_per_hour"]), f"{row['ratio_to_plain']:.2f}")
            for row in measured
        ]
        yield from markdown_table(
            (isa, "runs per hour", "relative to plain loops"), rows, numbers=2
        )


def format_ratio(ratio: float | None) -> str:
    """Return a ratio with two decimals; empty for None."""
    return "" if ratio is None else f"{ratio:.2f}"


def format_quartiles(quartiles: list[float]) -> str:
    """Return a median and its quartiles as text."""
    low, median, high = quartiles
    return f"{median:,.0f} ({low:,.0f} to {high:,.0f})"
