"""Settle, once, all that a study leaves open; what is on disk stays as it was settled there."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foveal.data import ImageData
from foveal.errors import FovealError, UsageError
from foveal.models import build_model, resolve_where
from foveal.records import Cell, Design, read_design, schema
from foveal.records.design import CHECKSUM_OPTIONS
from foveal.study.config import SharedConfig, StudyConfig, differences, shared
from foveal.study.controls import resolve_variants, scaled_epochs, timed_like
from foveal.study.design import expand_grid, run_config
from foveal.study.resolved_config import (
    cores_each,
    get_data_config,
    load_config_data,
    with_checksums,
    with_full_paths,
    with_numerics,
)
from foveal.study.step_timing import measure_step_times
from foveal.study.training_job import build_options

MARGIN = 0.5  # points


def read_stored_design(folder: Path) -> Design | None:
    """Return the design of the study in `folder`, None where there is none yet."""
    if (folder / schema.STUDY).is_file():
        return read_design(folder)
    if folder.exists() and any(path.name[0] != "." for path in folder.iterdir()):
        raise UsageError(f"{folder} exists and is not a study: choose another folder.")
    return None


def resolve_design(config: StudyConfig, stored: Design | None, *, at_a_time: int = 1) -> Design:
    """Return the design that was asked for with nothing left open; what is `stored` stays as it is."""
    known = {"threads": cores_each(at_a_time)} if stored is None else stored.shared_options
    base = with_full_paths(with_numerics(config, known))
    margin = config.margin or (MARGIN if stored is None else stored.margin)
    wanted = Design(
        shared_options=shared(base),
        variants=resolve_variants(config),
        seeds=config.seeds,
        planned_seeds=config.seeds,
        margin=margin,
        planned_margin=margin,
    )
    cells = [
        cell_of(wanted, config.grid, with_full_paths(setting), stored)
        for setting in expand_grid(base, config.grid)
    ]
    if config.grid:
        reject_duplicate_cells(cells)
        return replace(wanted, cells=tuple(cells))
    # There is one cell, and what it settles holds for the whole study.
    (only,) = cells
    return replace(
        wanted,
        shared_options={**wanted.shared_options, **only.options},
        cells=(replace(only, options={}),),
    )


def reject_duplicate_cells(cells: Sequence[Cell]) -> None:
    """Refuse two cells of a grid whose runs would be the same, or that nobody could tell apart."""
    for first, second in itertools.combinations(cells, 2):
        if first.identity == second.identity:
            raise UsageError(
                f"{first.label} and {second.label} are the same setting: name it once."
            )
        if first.label == second.label:
            raise UsageError(
                f"Two settings of the grid have the name {first.label}: rename one of the folders."
            )


def cell_of(
    wanted: Design, grid: Mapping[str, Any], setting: SharedConfig, stored: Design | None
) -> Cell:
    """Read what one setting names, see that each variant can be built, and settle the rest."""
    data = load_config_data(get_data_config(setting))
    record = shared(with_checksums(setting, data))
    names = [*grid, *sorted(CHECKSUM_OPTIONS)]
    cell = Cell({name: record[name] for name in names if record.get(name) not in (None, "")})
    places = places_of(wanted, cell, data)
    label = cell.label if grid else ""
    known = next((c.epochs for c in stored.cells if c.label == label), {}) if stored else {}
    return replace(cell, where=places, epochs=settled_epochs(wanted, cell, data, known))


def places_of(wanted: Design, cell: Cell, data: ImageData) -> dict[str, str]:
    """Build every variant once, which refuses what cannot be built; return where each stands."""
    places = {}
    for variant in wanted.variants:
        options = build_options(run_config(wanted, cell, variant, 0), data)
        try:
            build_model(**options)
            place = resolve_where(**options)
        except FovealError:
            raise
        except Exception as error:  # whatever a network of the user's own may raise
            said = f"{type(error).__name__}: {error}"
            raise UsageError(
                f"{options['name']} cannot be built with {variant} ({said})."
            ) from error
        if place is not None:
            places[variant] = place
    return places


def settled_epochs(
    wanted: Design, cell: Cell, data: ImageData, known: Mapping[str, int]
) -> dict[str, int]:
    """Return the epochs of each control that trains for the same time; measured once, then kept."""
    timed = timed_like(wanted.variants)
    if set(timed) <= set(known):
        return {variant: known[variant] for variant in timed}
    configs = [run_config(wanted, cell, name, 0) for name in ("none", *sorted(set(timed.values())))]
    seconds = {name: speed.step for name, speed in measure_step_times(configs, data).items()}
    return {
        variant: known.get(variant, scaled_epochs(configs[0].epochs, seconds, like))
        for variant, like in timed.items()
    }


def extend_design(stored: Design | None, wanted: Design, folder: Path) -> Design:
    """Return the design with what is stored and what is wanted; refuse to mix two settings."""
    if stored is None:
        return wanted
    found = find_conflicts(stored, wanted)
    if found:
        raise UsageError(
            f"{folder} holds a study with another config ({'; '.join(found)}): choose another folder."
        )
    cells = {cell.label: cell for cell in stored.cells}
    for cell in wanted.cells:
        there = cells.get(cell.label, cell)
        epochs, places = {**there.epochs, **cell.epochs}, {**there.where, **cell.where}
        cells[cell.label] = replace(cell, epochs=epochs, where=places)
    return replace(
        wanted,
        variants=tuple(dict.fromkeys([*stored.variants, *wanted.variants])),
        seeds=max(stored.seeds, wanted.seeds),
        planned_seeds=stored.planned_seeds,
        planned_margin=stored.planned_margin,
        cells=tuple(cells.values()),
    )


def find_conflicts(stored: Design, wanted: Design) -> list[str]:
    """Say in what the setting that is wanted is not the one that is stored."""
    options = [set(design.cells[0].columns) for design in (stored, wanted)]
    if options[0] != options[1]:
        return ["the options of the grid are others"]
    found = differences(stored.shared_options, wanted.shared_options)
    there = {cell.label: cell for cell in stored.cells}
    for cell in wanted.cells:
        if cell.label in there:
            before = there[cell.label].identity
            found += [f"in {cell.label}: {said}" for said in differences(before, cell.identity)]
    return found
