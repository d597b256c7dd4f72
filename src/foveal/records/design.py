"""Design of a study: variants x seeds, in one cell or in each cell of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from foveal.errors import CorruptRecordError, UsageError
from foveal.records import schema
from foveal.records.run import read_versioned_toml, write_toml
from foveal.variant_names import (
    CONTROLS,
    get_controlled_variant,
    get_variant_name,
    has_attention,
)

_DESIGN_KEYS: Final = frozenset(
    {"planned_seeds", "planned_margin", "seeds", "variants", "margin", "cells"}
)
_SEQUENTIAL_KEYS: Final = frozenset({"looks", "stops_when_unlikely"})
_OPTIONAL_DESIGN_KEYS: Final = frozenset({"first_seed", "controls"}) | _SEQUENTIAL_KEYS
CHECKSUM_OPTIONS: Final = frozenset({"data_checksum", "weights_checksum", "model_checksum"})
PATH_OPTIONS: Final = frozenset({"data", "weights"})
"""Options whose files may move: their checksums identify a result, their paths do not."""
_RUN_OPTIONS: Final = frozenset({"attention", "seed"})
"""Options in which the runs of one cell differ."""


@dataclass(frozen=True)
class Cell:
    """A cell of the grid: the options in which it differs from the others.

    `epochs` has the number of epochs of each variant that is trained for another number than the rest.
    `where` has the kind of sites at which each variant is inserted into the network of this cell.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """The options of the grid as text; a folder without its parents."""
        options = {name: v for name, v in self.options.items() if name not in CHECKSUM_OPTIONS}
        return {
            name: PurePath(value).name
            if name in PATH_OPTIONS and PurePath(value).is_absolute()
            else f"{value}"
            for name, value in options.items()
        }

    @property
    def label(self) -> str:
        """The options of the grid in one line; empty without a grid.

        >>> Cell({"model": "resnet18", "data": "/images/cifar10", "data_checksum": "8a"}).label
        'model=resnet18, data=cifar10'
        """
        return ", ".join(f"{name}={value}" for name, value in self.columns.items())

    @property
    def identity(self) -> dict[str, Any]:
        """The options that identify a result: paths are left out, because folders may move."""
        return {name: v for name, v in self.options.items() if name not in PATH_OPTIONS}


@dataclass(frozen=True)
class Design:
    """Design of a study. The margin is in points of accuracy.

    `shared_options` are the options of all runs, and `seeds` is the largest number of seeds requested so
    far; they are consecutive, from `first_seed` on. `planned_seeds` and `planned_margin` are those with which
    the study was created: a verdict with others is marked. `controls` are the variants that are controls of
    others. `looks` are the numbers of seeds at which a sequential study looks at its results, up to `seeds`;
    they are empty in a study that always trains all seeds. `stops_when_unlikely` is whether a comparison also
    stops where a verdict has become unlikely.
    """

    shared_options: Mapping[str, Any]
    variants: tuple[str, ...]
    seeds: int
    planned_seeds: int
    margin: float
    planned_margin: float
    cells: tuple[Cell, ...] = (Cell(),)
    first_seed: int = 0
    controls: tuple[str, ...] = ()
    looks: tuple[int, ...] = ()
    stops_when_unlikely: bool = True

    @property
    def all_seeds(self) -> range:
        """The seeds of the runs of each variant."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def contrasts(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a variant and its control: `wide` and `same-time` have one variant, `se` all modules.

        >>> Design({}, ("none", "cbam", "bam", "se"), 3, 3, 0.5, 0.5, controls=("se",)).contrasts
        (('cbam', 'se'), ('bam', 'se'))
        """
        return tuple(
            (variant, control)
            for variant in self.variants
            for control in self.controls
            if _is_control_of(control, variant)
        )

    @property
    def comparison_count(self) -> int:
        """Number of comparisons with the baseline and with controls; they share the error rate."""
        with_baseline = max(1, len(self.variants) - 1)
        return (with_baseline + len(self.contrasts)) * len(self.cells)

    @property
    def run_count(self) -> int:
        """Number of runs."""
        return len(self.variants) * self.seeds * len(self.cells)

    def get_config(self, cell: Cell, variant: str) -> dict[str, Any]:
        """Return the config of the runs of a variant in a cell, without the seed."""
        config = {**self.shared_options, **cell.options, "attention": variant}
        return config | ({"epochs": cell.epochs[variant]} if variant in cell.epochs else {})

    def find_cell(self, config: Mapping[str, Any]) -> Cell | None:
        """Return the cell of the run with this config, or None if the run is of another study."""
        variant, identity = config["attention"], _result_identity(config)
        if variant not in self.variants:
            return None
        for cell in self.cells:
            if _result_identity(self.get_config(cell, variant)) == identity:
                return cell
        return None


def _is_control_of(control: str, variant: str) -> bool:
    """Return True if `control` is a control of `variant`."""
    if get_variant_name(control) in CONTROLS:
        return get_controlled_variant(control) == variant
    return has_attention(variant) and variant != control


def _result_identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that identifies the result of a run, given its variant and seed."""
    return {name: v for name, v in config.items() if name not in PATH_OPTIONS | _RUN_OPTIONS}


def write_design(folder: Path, design: Design) -> None:
    """Write study.toml atomically."""
    content = asdict(design)
    shared_options = content.pop("shared_options")
    if not design.looks:
        content = {name: v for name, v in content.items() if name not in _SEQUENTIAL_KEYS}
    write_toml(
        folder / schema.STUDY_FILE, {"schema": schema.SCHEMA_VERSION, **shared_options, **content}
    )


def read_design(folder: Path) -> Design:
    """Read study.toml.

    Raises:
        UsageError: `folder` is not a study.
        CorruptRecordError: the file is damaged.
        FovealError: the file has another schema.
    """
    path = folder / schema.STUDY_FILE
    if not path.is_file():
        raise UsageError(f"{folder} is not a study: it has no {schema.STUDY_FILE}.")
    content = read_versioned_toml(path, _DESIGN_KEYS)
    return Design(
        shared_options={
            name: v
            for name, v in content.items()
            if name not in _DESIGN_KEYS | _OPTIONAL_DESIGN_KEYS
        },
        variants=tuple(content["variants"]),
        seeds=content["seeds"],
        planned_seeds=content["planned_seeds"],
        margin=content["margin"],
        planned_margin=content["planned_margin"],
        cells=_parse_cells(path, content["cells"]),
        first_seed=content.get("first_seed", 0),
        controls=tuple(content.get("controls", ())),
        looks=tuple(content.get("looks", ())),
        stops_when_unlikely=content.get("stops_when_unlikely", True),
    )


def _parse_cells(path: Path, tables: list[dict[str, Any]]) -> tuple[Cell, ...]:
    """Return the cells of the grid from the tables in study.toml.

    Raises:
        CorruptRecordError: a table has other keys than a cell.
    """
    try:
        return tuple(Cell(**table) for table in tables)
    except TypeError as error:
        raise CorruptRecordError(
            f"{path} is damaged ({error}). Restore it or run the study again."
        ) from error
