"""Section "How it was done": commands, settings, versions, checksums; and the training images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.records import Design, RunRecord
from foveal.report.blocks import (
    Block,
    CodeBlock,
    Columns,
    Fold,
    HtmlBlock,
    KeyValueBlock,
    Paragraph,
    Section,
)
from foveal.report.cell_view import CellView
from foveal.report.templating import render_template
from foveal.report.tiles import SharedImages, Tile
from foveal.text_format import format_count, format_margin, join_seeds, replace_unprintable

_MAX_BATCH_IMAGES: Final = 32
_MAX_LISTED_VALUES: Final = 3
_ABSOLUTE_PATH: Final = re.compile(
    r"(?<![\w./:])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\"=:]+[/\\])+(?=[^\s/\\])"
)


def build_data_section(cell: CellView) -> Section:
    """Return the first images of a training batch, after augmentation, folded."""
    name, title = f"data{cell.suffix}", "Data"
    run = next(
        (run for group in cell.groups for run in group.runs if "images" in run.training_batch), None
    )
    if run is None:
        message = (
            "This run has stored no training images: the first run of a study stores those of all."
        )
        return Section(name, title, (Paragraph(message),))
    batch = run.training_batch
    images, labels = batch["images"][:_MAX_BATCH_IMAGES], batch["labels"][:_MAX_BATCH_IMAGES]
    shared = SharedImages(f"b{cell.number}-", images)
    tiles = [
        Tile(shared.draw(index, f"Training image: {cell.classes[label]}"), cell.classes[label])
        for index, label in enumerate(labels)
    ]
    html = render_template(
        "training_batch.html.j2", definitions=shared.render_definitions(), tiles=tiles
    )
    fold = Fold(
        f"{format_count(len(tiles), 'training image')} as the network saw them",
        f"seed {run.results['seed']}, after random changes",
        (HtmlBlock(html),),
    )
    return Section(name, title, (fold,))


def build_provenance_section(
    cells: Sequence[CellView], config: Mapping[str, Any], runs: Sequence[RunRecord]
) -> Section:
    """Return commands, seeds, configuration, environment and data checksums, folded."""
    environment = _collect_distinct_values([format_values(run.environment) for run in runs])
    commands = environment.pop("command", [])
    rows = [(name, _format_distinct_values(values)) for name, values in environment.items()]
    checksums = sorted({run.results["data_checksum"] for run in runs})
    settings: list[Block] = [KeyValueBlock("Settings", tuple(format_values(config).items()))]
    if not cells[0].is_single_run:
        seeds = tuple(
            (f"{group.variant}{', ' + cell.label if cell.label else ''}", join_seeds(group.seeds))
            for cell in cells
            for group in cell.groups
        )
        settings.append(KeyValueBlock("Seeds", seeds))
    machine: list[Block] = [
        KeyValueBlock("Versions and machine", tuple(rows)),
        KeyValueBlock("Checksums", tuple(("data", checksum) for checksum in checksums)),
    ]
    fold = Fold(
        "Command, settings, versions, checksums",
        "everything needed to repeat it",
        (
            *(CodeBlock(break_command(shorten_paths(command))) for command in commands),
            Columns(tuple(settings), tuple(machine)),
        ),
    )
    return Section("made", "How it was done", (fold,))


def shorten_paths(text: str) -> str:
    """Return text with the last part of each absolute path: a report is sent to others.

    >>> shorten_paths("foveal ablate --data /home/me/images/leaves --out runs/leaves")
    'foveal ablate --data …/leaves --out runs/leaves'
    """
    return _ABSOLUTE_PATH.sub("…/", text)


def break_command(command: str, width: int = 58) -> str:
    r"""Return a command in lines that a shell joins, broken before options only.

    >>> print(break_command("foveal ablate --data ../cifar10 --epochs 4 --seeds 5", width=32))
    foveal ablate --data ../cifar10 \
      --epochs 4 --seeds 5
    """
    first, *options = command.split(" --")
    lines = [first]
    for option in options:
        if len(lines[-1]) + len(option) + 3 > width and lines[-1].strip():
            lines.append(f"  --{option}")
        else:
            lines[-1] += f" --{option}"
    return " \\\n".join(lines)


def flatten_config(design: Design) -> dict[str, Any]:
    """Return the configuration of a study as one dictionary, with an entry per cell of a grid."""
    grid = {f"cell {n}": cell.label for n, cell in enumerate(design.cells, 1) if cell.label}
    in_grid = {name for cell in design.cells for name in cell.options}
    common = {n: v for n, v in design.shared_options.items() if n not in in_grid and v != ""}
    return {
        "variants": list(design.variants),
        "planned_seeds": design.planned_seeds,
        "first_seed": design.first_seed,
        "margin": format_margin(design.margin),
        **common,
        **grid,
    }


def _format_distinct_values(values: Sequence[str]) -> str:
    """Return distinct values as text; for many values, only the first and the last.

    >>> _format_distinct_values(["2.13"]), _format_distinct_values(["1", "2", "3", "4"])
    ('2.13', '1 to 4 (4 different)')
    """
    if len(values) <= _MAX_LISTED_VALUES:
        return "; ".join(values)
    return f"{values[0]} to {values[-1]} ({len(values)} different)"


def format_values(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a configuration or an environment as text, without absolute paths.

    >>> format_values({"epochs": 3, "variants": ["none", "cbam"], "data": "/home/me/leaves"})
    {'epochs': '3', 'variants': 'none, cbam', 'data': '…/leaves'}
    """
    return {
        name: replace_unprintable(
            shorten_paths(", ".join(map(str, value)) if isinstance(value, list) else str(value))
        )
        for name, value in content.items()
    }


def _collect_distinct_values(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the sorted distinct values of each name over all rows.

    >>> _collect_distinct_values([{"torch": "2.13"}, {"torch": "2.13", "date": "Monday"}])
    {'torch': ['2.13'], 'date': ['Monday']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: sorted({row[name] for row in rows if name in row}) for name in names}
