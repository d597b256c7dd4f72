"""Resolved design of a study: every `auto` option resolved once, every variant built once.

Values that are on disk already win, so that resuming a study never changes a number.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from foveal.data import ImageData
from foveal.errors import FovealError, UsageError
from foveal.models import build_model, resolve_where
from foveal.records import Cell, Design
from foveal.records.design import CHECKSUM_OPTIONS
from foveal.stats.sequential import choose_looks
from foveal.study.config import SharedConfig, StudyConfig, expand_grid, shared_config_to_dict
from foveal.study.data_loading import load_config_data, require_data_source
from foveal.study.resolved_config import add_checksums, resolve_options
from foveal.study.run_list import make_run_config
from foveal.study.step_timing import measure_step_times
from foveal.study.training_job import get_model_options
from foveal.study.variants import (
    list_controls,
    map_timed_controls,
    resolve_variants,
    scale_epochs,
)
from foveal.training import count_cpu_cores
from foveal.variant_names import BASELINE

_DEFAULT_MARGIN: Final = 0.5  # points of accuracy


def resolve_design(
    config: StudyConfig, stored: Design | None, *, max_parallel_runs: int = 1
) -> Design:
    """Return the design of a config, with every option resolved and every variant known to be buildable.

    Args:
        config: the requested study.
        stored: the design on disk, if there is one; its numerics, margin and measured epochs are kept.
        max_parallel_runs: number of runs that share the cores of this machine, unless `threads` is set.

    Raises:
        UsageError: an option or a variant is wrong, or two cells of the grid are the same.
    """
    for cell_config in expand_grid(config, config.grid):
        require_data_source(cell_config)  # a typo is reported before probes of the machine
    if stored is None:
        known: Mapping[str, object] = {"threads": max(1, count_cpu_cores() // max_parallel_runs)}
        default_margin = _DEFAULT_MARGIN
    else:
        known, default_margin = stored.shared_options, stored.margin
    resolved = resolve_options(config, known)
    margin = config.margin or default_margin
    variants = resolve_variants(config)
    design = Design(
        shared_options=shared_config_to_dict(resolved),
        variants=variants,
        controls=list_controls(config, variants),
        seeds=config.seed_count,
        planned_seeds=config.seed_count,
        margin=margin,
        planned_margin=margin,
        first_seed=config.first_seed,
        looks=choose_looks(config.max_seeds) if config.until_decided else (),
        stops_when_unlikely=config.futility,
    )
    if design.looks:
        _require_baseline(config)
    cells = [
        _resolve_cell(design, list(config.grid), resolve_options(cell_config, known), stored)
        for cell_config in expand_grid(resolved, config.grid)
    ]
    if config.grid:
        _reject_duplicate_cells(cells)
        return replace(design, cells=tuple(cells))
    (cell,) = cells  # without a grid, the options of the one cell are those of the study
    return replace(
        design,
        shared_options={**design.shared_options, **cell.options},
        cells=(replace(cell, options={}),),
    )


def _require_baseline(config: StudyConfig) -> None:
    """Raise a UsageError if a sequential study has nothing to decide, or two numbers of seeds."""
    if BASELINE not in resolve_variants(config):
        raise UsageError(f"Parameter `attention` should contain {BASELINE!r} with --until-decided.")
    if config.seeds != StudyConfig.model_fields["seeds"].default:
        raise UsageError("Use --max-seeds in place of --seeds with --until-decided.")


def _reject_duplicate_cells(cells: Sequence[Cell]) -> None:
    """Raise a UsageError if two cells of a grid have the same runs or the same label."""
    for first, second in itertools.combinations(cells, 2):
        if first.identity == second.identity:
            raise UsageError(
                f"{first.label} and {second.label} are the same setting. Remove one of them."
            )
        if first.label == second.label:
            raise UsageError(
                f"Two settings of the grid have the name {first.label}. Rename one of the folders."
            )


def _resolve_cell(
    design: Design, grid_options: Sequence[str], config: SharedConfig, stored: Design | None
) -> Cell:
    """Load the images of one cell and return it with checksums, insertion sites and control epochs."""
    data = load_config_data(config)
    record = shared_config_to_dict(add_checksums(config, data))
    names = [*grid_options, *sorted(CHECKSUM_OPTIONS)]
    cell = Cell({name: record[name] for name in names if record.get(name) not in (None, "")})
    label = cell.label if grid_options else ""
    stored_cells = stored.cells if stored else ()
    known_epochs = next((each.epochs for each in stored_cells if each.label == label), {})
    return replace(
        cell,
        where=_find_insertion_sites(design, cell, data),
        epochs=_resolve_control_epochs(design, cell, data, known_epochs),
    )


def _find_insertion_sites(design: Design, cell: Cell, data: ImageData) -> dict[str, str]:
    """Build every variant once and return the kind of sites of each variant with attention.

    Raises:
        UsageError: a variant cannot be built.
    """
    where = {}
    for variant in design.variants:
        options = get_model_options(make_run_config(design, cell, variant, 0), data)
        try:
            build_model(**options)
            sites = resolve_where(**options)
        except FovealError:
            raise
        except Exception as error:  # a user-defined network may raise anything
            cause = f"{type(error).__name__}: {error}"
            raise UsageError(
                f"{options['name']} cannot be built with {variant} ({cause})."
            ) from error
        if sites is not None:
            where[variant] = sites
    return where


def _resolve_control_epochs(
    design: Design, cell: Cell, data: ImageData, known: Mapping[str, int]
) -> dict[str, int]:
    """Return the epochs of each `same-time` control: known ones, or measured ones for new controls."""
    timed = map_timed_controls(design.variants)
    if set(timed) <= set(known):
        return {control: known[control] for control in timed}
    configs = [
        make_run_config(design, cell, variant, 0)
        for variant in (BASELINE, *sorted(set(timed.values())))
    ]
    seconds = {
        variant: times.step_seconds for variant, times in measure_step_times(configs, data).items()
    }
    return {
        control: known.get(control, scale_epochs(configs[0].epochs, seconds, variant))
        for control, variant in timed.items()
    }
