"""Runs of a design: their configs and folders. No torch, no data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from foveal.errors import CorruptRecordError, bad_parameter
from foveal.records import Cell, Design, schema
from foveal.study.config import RunConfig, to_usage_error


class PlannedRun(NamedTuple):
    """A run of a study: its config and its folder, whether it is finished or not."""

    config: RunConfig
    folder: Path


def list_runs(design: Design, study: Path) -> list[PlannedRun]:
    """Return every run of a design in the folder of its study, ordered by seed, cell and variant."""
    configs = [
        make_run_config(design, cell, variant, seed)
        for seed in design.all_seeds
        for cell in design.cells
        for variant in design.variants
    ]
    return [
        PlannedRun(config, study / schema.RUNS_FOLDER / _name_run(config)) for config in configs
    ]


def map_same_seed(design: Design, study: Path) -> dict[Path, tuple[Path, ...]]:
    """Return for the folder of each run those of all runs of its seed and cell: one per variant."""
    folders = [run.folder for run in list_runs(design, study)]
    size = len(design.variants)
    groups = [tuple(folders[start : start + size]) for start in range(0, len(folders), size)]
    return {folder: group for group in groups for folder in group}


def make_run_config(design: Design, cell: Cell, variant: str, seed: int) -> RunConfig:
    """Return the config of one run.

    Raises:
        CorruptRecordError: the design has an option or a value that no config can have.
    """
    try:
        return RunConfig(**design.get_config(cell, variant), seed=seed)
    except ValidationError as error:
        raise CorruptRecordError(
            f"{schema.STUDY_FILE} is damaged ({to_usage_error(error)}) Restore it or run the study again."
        ) from error


def _name_run(config: RunConfig) -> str:
    """Return the folder name of a run: readable and unique.

    >>> _name_run(RunConfig(attention="cbam:reduction=8", seed=2)).rpartition("-")[0]
    'cbam-reduction-8-seed2'
    """
    variant = re.sub(r"[^a-z0-9]+", "-", config.attention.lower()).strip("-")
    return f"{variant}-seed{config.seed}-{config.key}"


def select_shard(runs: list[PlannedRun], shard: str | None) -> list[PlannedRun]:
    """Return the runs of shard `i/n`: every n-th run from the i-th on; all runs without a shard.

    Raises:
        UsageError: the shard is not of the form `i/n` with i from 1 to n.

    >>> select_shard(["a", "b", "c", "d", "e"], "2/3")
    ['b', 'e']
    """
    if shard is None:
        return runs
    index, slash, count = shard.partition("/")
    is_shard = bool(slash) and index.isdecimal() and count.isdecimal()
    if not is_shard or not 1 <= int(index) <= int(count):
        raise bad_parameter("shard", "i/n, from 1/n to n/n", shard)
    return runs[int(index) - 1 :: int(count)]
