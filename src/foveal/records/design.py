"""The design of a study: variants x seeds, in one setting or in each cell of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from foveal.errors import CorruptRecordError, UsageError
from foveal.records import schema
from foveal.records.run import read_checked_toml, write_toml

KEYS = frozenset({"planned_seeds", "planned_margin", "seeds", "variants", "margin", "cells"})
CHECKSUMS = frozenset({"data_checksum", "weights_checksum", "model_checksum"})
PLACES = frozenset({"data", "weights"})  # their checksums decide, not where they lie
OF_A_RUN = frozenset({"attention", "seed"})


@dataclass(frozen=True)
class Cell:
    """One setting of the grid: the options in which it differs from the others.

    `epochs` has the length of each variant that trains for another than the rest, and `places` says
    where each variant stands in this network.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """The options of the grid as text; a folder by its name alone."""
        named = {name: value for name, value in self.values.items() if name not in CHECKSUMS}
        return {
            name: PurePath(value).name
            if name in PLACES and PurePath(value).is_absolute()
            else f"{value}"
            for name, value in named.items()
        }

    @property
    def label(self) -> str:
        """What sets it apart, for people; empty where there is no grid.

        >>> Cell({"model": "resnet18", "data": "/images/cifar10", "data_checksum": "8a"}).label
        'model=resnet18, data=cifar10'
        """
        return ", ".join(f"{name}={value}" for name, value in self.columns.items())

    @property
    def decisive(self) -> dict[str, Any]:
        """The values that decide a result: folders may move."""
        return {name: value for name, value in self.values.items() if name not in PLACES}


@dataclass(frozen=True)
class Design:
    """`setting` has what all runs share, `seeds` those asked for so far, `margin` is in points.

    `planned_seeds` and `planned_margin` are what the study was made for: a verdict by others is marked.
    """

    setting: Mapping[str, Any]
    variants: tuple[str, ...]
    seeds: int
    planned_seeds: int
    margin: float
    planned_margin: float
    cells: tuple[Cell, ...] = (Cell(),)

    @property
    def comparisons(self) -> int:
        """How many comparisons with the baseline share the error rate."""
        return max(1, len(self.variants) - 1) * len(self.cells)

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return len(self.variants) * self.seeds * len(self.cells)

    def config(self, cell: Cell, variant: str) -> dict[str, Any]:
        """Return what the config of a run has but for its seed."""
        config = {**self.setting, **cell.values, "attention": variant}
        return config | ({"epochs": cell.epochs[variant]} if variant in cell.epochs else {})

    def cell_of(self, config: Mapping[str, Any]) -> Cell | None:
        """Return the cell to which the run with this config belongs; None if it is of another study."""
        if config["attention"] not in self.variants:
            return None
        found = (
            c
            for c in self.cells
            if result_identity(self.config(c, config["attention"])) == result_identity(config)
        )
        return next(found, None)


def result_identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that decides what a run of its seed and variant gives."""
    return {name: value for name, value in config.items() if name not in PLACES | OF_A_RUN}


def write_design(folder: Path, design: Design) -> None:
    """Write study.toml, whole or not at all."""
    content = {name: value for name, value in asdict(design).items() if name != "setting"}
    write_toml(folder / schema.STUDY, {"schema": schema.SCHEMA, **design.setting, **content})


def read_design(folder: Path) -> Design:
    """Read study.toml.

    Raises:
        UsageError: `folder` is no study.
        DamagedError: the file is damaged.
    """
    path = folder / schema.STUDY
    if not path.is_file():
        raise UsageError(f"{folder} is not a study: it has no {schema.STUDY}.")
    content = read_checked_toml(path, KEYS)
    del content["schema"]
    return Design(
        setting={name: value for name, value in content.items() if name not in KEYS},
        variants=tuple(content["variants"]),
        seeds=content["seeds"],
        planned_seeds=content["planned_seeds"],
        margin=content["margin"],
        planned_margin=content["planned_margin"],
        cells=parse_cells(path, content["cells"]),
    )


def parse_cells(path: Path, stored: list[dict[str, Any]]) -> tuple[Cell, ...]:
    """Read the cells of the grid."""
    try:
        return tuple(Cell(**cell) for cell in stored)
    except TypeError as error:
        raise CorruptRecordError(
            f"{path} is damaged ({error}): restore it, or run again."
        ) from error
