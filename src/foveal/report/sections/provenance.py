"""How it was made: enough to do it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foveal.plotting import shrink_for_page, to_data_uri
from foveal.records import Design, RunRecord
from foveal.report.blocks import Block, Code, Facts, Images, Section, Text
from foveal.report.cell_view import Part
from foveal.text_format import join_with_and

IMAGES_SHOWN = 32
FEW = 4


def batch_section(part: Part) -> Section:
    """Return the first images of a training batch as training saw them."""
    arm = part.arms[0]
    batch = arm.runs[0].training_batch
    images, labels = batch["images"][:IMAGES_SHOWN], batch["labels"][:IMAGES_SHOWN]
    shown = tuple(
        (arm.classes[label], to_data_uri(shrink_for_page(image)))
        for image, label in zip(images, labels, strict=True)
    )
    said = f"{len(shown)} training images of seed {arm.seeds[0]}, as the network saw them."
    return Section(
        f"batch{part.suffix}", part.titled("A training batch"), (Text(said), Images(shown))
    )


def made_section(
    parts: Sequence[Part], config: Mapping[str, Any], runs: Sequence[RunRecord]
) -> Section:
    """Return commands, seeds, configuration, environment and checksums."""
    environment = agreed([as_text(run.environment) for run in runs])
    commands = environment.pop("command", [])
    checksums = sorted({run.results["data_checksum"] for run in runs})
    facts = [(name, different(values)) for name, values in environment.items()]
    facts.append(("checksum of the data", ", ".join(checksums)))
    blocks: list[Block] = [Code(command) for command in commands]
    if not parts[0].single:
        rows = [
            (f"{arm.variant}{', ' + part.label if part.label else ''}", join_with_and(arm.seeds))
            for part in parts
            for arm in part.arms
        ]
        blocks.append(Facts("Seeds", tuple(rows)))
    blocks.append(Facts("Configuration", tuple(as_text(config).items())))
    blocks.append(Facts("Environment", tuple(facts)))
    return Section("made", "How it was made", tuple(blocks))


def config_of(design: Design) -> dict[str, Any]:
    """Return the config of a study as rows of a table."""
    grid = {f"cell {place}": cell.label for place, cell in enumerate(design.cells, 1) if cell.label}
    in_grid = {name for cell in design.cells for name in cell.values}
    common = {n: v for n, v in design.setting.items() if n not in in_grid and v != ""}
    return {
        "variants": list(design.variants),
        "planned_seeds": design.planned_seeds,
        "margin": f"{design.margin:g} points",
        **common,
        **grid,
    }


def different(values: Sequence[str]) -> str:
    """Return the values that runs have, or the ends where there are many.

    >>> different(["2.13"]), different(["1", "2", "3", "4"])
    ('2.13', '1 to 4 (4 different)')
    """
    if len(values) < FEW:
        return "; ".join(values)
    return f"{values[0]} to {values[-1]} ({len(values)} different)"


def as_text(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a config or an environment as rows of a table.

    >>> as_text({"epochs": 3, "variants": ["none", "series"]})
    {'epochs': '3', 'variants': 'none, series'}
    """
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in content.items()
    }


def agreed(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return for each name the different values that the runs have.

    >>> agreed([{"torch": "2.13"}, {"torch": "2.13", "date": "Monday"}])
    {'torch': ['2.13'], 'date': ['Monday']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: sorted({row[name] for row in rows if name in row}) for name in names}
