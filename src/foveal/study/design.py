"""The runs of a design: their configs and their folders. No torch, no data."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foveal.errors import CorruptRecordError, UsageError
from foveal.records import Cell, Design, schema
from foveal.study.config import RunConfig, SharedConfig, to_usage_error


def list_runs(design: Design, folder: Path) -> list[tuple[RunConfig, Path]]:
    """Return the config of every run and its folder, all variants of a seed together."""
    configs = [
        run_config(design, cell, variant, seed)
        for seed in range(design.seeds)
        for cell in design.cells
        for variant in design.variants
    ]
    return [(config, folder / schema.RUNS / run_name(config)) for config in configs]


def run_config(design: Design, cell: Cell, variant: str, seed: int) -> RunConfig:
    """Return the config of one run.

    Raises:
        DamagedError: the design holds what no config can have.
    """
    try:
        return RunConfig(**design.get_config(cell, variant), seed=seed)
    except ValidationError as error:
        said = to_usage_error(error)
        raise CorruptRecordError(
            f"{schema.STUDY} is damaged ({said}) restore it, or run again."
        ) from error


def run_name(config: RunConfig) -> str:
    """Name a run so that a person can find it and no other run has it.

    >>> run_name(RunConfig(attention="series:reduction=8", seed=2)).rpartition("-")[0]
    'series-reduction-8-seed2'
    """
    variant = re.sub(r"[^a-z0-9]+", "-", config.attention.lower()).strip("-")
    return f"{variant}-seed{config.seed}-{config.key}"


def expand_grid(setting: SharedConfig, grid: Mapping[str, list[Any]]) -> Iterator[SharedConfig]:
    """Yield the setting with every combination of the values of a grid.

    >>> found = expand_grid(SharedConfig(), {"model": ["convnet"], "epochs": [1, 2]})
    >>> [(setting.model, setting.epochs) for setting in found]
    [('convnet', 1), ('convnet', 2)]
    """
    for values in itertools.product(*grid.values()):
        yield setting.model_copy(update=dict(zip(grid, values, strict=True)))


def select_shard(
    runs: list[tuple[RunConfig, Path]], shard: str | None
) -> list[tuple[RunConfig, Path]]:
    """Return the runs that shard `i/n` does, every n-th from the i-th on; all without a shard.

    >>> select_shard(["a", "b", "c", "d", "e"], "2/3")
    ['b', 'e']
    """
    if shard is None:
        return runs
    place, slash, count = shard.partition("/")
    if not (slash and place.isdecimal() and count.isdecimal() and 1 <= int(place) <= int(count)):
        raise UsageError(
            f"Parameter `shard` should be i/n, from 1/n to n/n. Found `shard = {shard}`."
        )
    return runs[int(place) - 1 :: int(count)]
