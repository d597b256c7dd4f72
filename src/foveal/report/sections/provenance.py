"""Provenance sections: a training batch, and the commands, configuration and environment of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foveal.plotting import shrink_for_page, to_data_uri
from foveal.records import Design, RunRecord
from foveal.report.blocks import Block, CodeBlock, ImageGrid, KeyValueBlock, Paragraph, Section
from foveal.report.cell_view import CellView
from foveal.text_format import join_with_and

_MAX_BATCH_IMAGES = 32
_MAX_LISTED_VALUES = 3


def build_training_batch_section(cell: CellView) -> Section:
    """Return the first images of a training batch, after augmentation."""
    group = cell.groups[0]
    batch = group.runs[0].training_batch
    images, labels = batch["images"][:_MAX_BATCH_IMAGES], batch["labels"][:_MAX_BATCH_IMAGES]
    pictures = tuple(
        (group.classes[label], to_data_uri(shrink_for_page(image)))
        for image, label in zip(images, labels, strict=True)
    )
    explanation = (
        f"{len(pictures)} training images of seed {group.seeds[0]}, as the network saw them."
    )
    return Section(
        f"batch{cell.suffix}",
        cell.add_label("Training batch"),
        (Paragraph(explanation), ImageGrid(pictures)),
    )


def build_provenance_section(
    cells: Sequence[CellView], config: Mapping[str, Any], runs: Sequence[RunRecord]
) -> Section:
    """Return commands, seeds, configuration, environment and data checksums."""
    environment = _collect_distinct_values([format_values(run.environment) for run in runs])
    commands = environment.pop("command", [])
    checksums = sorted({run.results["data_checksum"] for run in runs})
    rows = [(name, _format_distinct_values(values)) for name, values in environment.items()]
    rows.append(("data checksum", ", ".join(checksums)))
    blocks: list[Block] = [CodeBlock(command) for command in commands]
    if not cells[0].is_single_run:
        seeds = [
            (
                f"{group.variant}{', ' + cell.label if cell.label else ''}",
                join_with_and(group.seeds),
            )
            for cell in cells
            for group in cell.groups
        ]
        blocks.append(KeyValueBlock("Seeds", tuple(seeds)))
    blocks.append(KeyValueBlock("Configuration", tuple(format_values(config).items())))
    blocks.append(KeyValueBlock("Environment", tuple(rows)))
    return Section("provenance", "Provenance", tuple(blocks))


def flatten_config(design: Design) -> dict[str, Any]:
    """Return the configuration of a study as one dictionary, with an entry per cell of a grid."""
    grid = {f"cell {n}": cell.label for n, cell in enumerate(design.cells, 1) if cell.label}
    in_grid = {name for cell in design.cells for name in cell.options}
    common = {n: v for n, v in design.shared_options.items() if n not in in_grid and v != ""}
    return {
        "variants": list(design.variants),
        "planned_seeds": design.planned_seeds,
        "first_seed": design.first_seed,
        "margin": f"{design.margin:g} points",
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
    """Return the values of a configuration or an environment as text.

    >>> format_values({"epochs": 3, "variants": ["none", "cbam"]})
    {'epochs': '3', 'variants': 'none, cbam'}
    """
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in content.items()
    }


def _collect_distinct_values(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the sorted distinct values of each name over all rows.

    >>> _collect_distinct_values([{"torch": "2.13"}, {"torch": "2.13", "date": "Monday"}])
    {'torch': ['2.13'], 'date': ['Monday']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: sorted({row[name] for row in rows if name in row}) for name in names}
