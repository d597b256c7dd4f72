"""Trained runs: finished runs of studies and run folders, found by variant and seed, with their networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from foveal.attention import canonicalize_variant
from foveal.data import ImageData
from foveal.errors import UsageError, bad_parameter
from foveal.records import is_complete, read_design
from foveal.records.run import read_config
from foveal.study.config import RunConfig
from foveal.study.data_loading import load_config_data
from foveal.study.run_list import list_runs
from foveal.study.run_network import load_run_network


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Runs of one `name` differ in their seeds only. `source` is the requested folder, of the run or of its
    study, and `cell` the label of its cell of a grid.
    """

    name: str
    seed: int
    config: RunConfig
    folder: Path
    source: Path
    cell: str = ""

    @property
    def key(self) -> str:
        """Unique name of the run."""
        return f"{self.name} seed {self.seed}"

    def load_network(self) -> nn.Module:
        """Return the trained network, on the CPU."""
        return load_run_network(self.folder)


def find_trained_runs(
    folders: Sequence[Path], *, variants: Sequence[str] = (), seeds: Sequence[int] = ()
) -> list[TrainedRun]:
    """Return the finished runs of runs and studies, in the order of the variants, then by seed.

    Runs of the same variant from different folders, or with different options, get their folder in their
    name.

    Args:
        folders: folders of runs and studies.
        variants: variants of any cell, or names of runs; by default all.
        seeds: seeds; by default all.

    Raises:
        UsageError: a folder is neither a run nor a study, no run is finished, a variant or a seed does not
            exist, or the runs were tested on different images.
        FovealError: a folder was written in another schema.
    """
    by_folder: dict[Path, TrainedRun] = {}
    for folder in folders:
        for run in _read_trained_runs(folder):
            by_folder.setdefault(run.folder.resolve(), run)
    runs = _disambiguate_names(list(by_folder.values()))
    if not runs:
        raise UsageError(f"{folders[0]} has no finished run. Train first.")
    names = list(dict.fromkeys(run.name for run in runs))
    known_seeds = sorted({run.seed for run in runs})
    for variant in variants:
        if not any(_has_variant(run, variant) for run in runs):
            raise bad_parameter("variants", f"of {', '.join(names)}", variant)
    for seed in seeds:
        if seed not in known_seeds:
            raise bad_parameter("seeds", f"of {', '.join(map(str, known_seeds))}", seed)
    selected = [
        run
        for variant in (variants or names)
        for run in runs
        if _has_variant(run, variant) and (not seeds or run.seed in seeds)
    ]
    _require_same_images(selected)
    return selected


def _has_variant(run: TrainedRun, variant: str) -> bool:
    """Return True if a run has this name, or this variant in any spelling."""
    if variant in (run.name, run.config.attention):
        return True
    try:
        return canonicalize_variant(variant) == run.config.attention
    except UsageError:  # a name with a cell or a folder is not a variant
        return False


def _read_trained_runs(folder: Path) -> list[TrainedRun]:
    """Return the finished runs of one run folder or study, grouped by name and sorted by seed."""
    if is_complete(folder):
        config = RunConfig(**read_config(folder))
        return [TrainedRun(config.attention, config.seed, config, folder, folder)]
    design = read_design(folder)
    runs = []
    for config, run_folder in list_runs(design, folder):
        if is_complete(run_folder):
            stored = read_config(run_folder)
            cell = design.find_cell(stored)
            label = cell.label if cell is not None else ""
            name = f"{config.attention} ({label})" if label else config.attention
            run = TrainedRun(name, config.seed, RunConfig(**stored), run_folder, folder, label)
            runs.append(run)
    names = list(dict.fromkeys(run.name for run in runs))
    return sorted(runs, key=lambda run: (names.index(run.name), run.seed))


def _disambiguate_names(runs: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Return the runs with the folder appended to every name whose runs differ in more than the seed."""
    by_name: dict[str, list[TrainedRun]] = {}
    for run in runs:
        by_name.setdefault(run.name, []).append(run)
    ambiguous = {name for name, group in by_name.items() if not _has_only_seed_differences(group)}
    return [
        replace(run, name=f"{run.name} in {run.source.name}") if run.name in ambiguous else run
        for run in runs
    ]


def _has_only_seed_differences(runs: Sequence[TrainedRun]) -> bool:
    """Return True if the runs have one config and different seeds."""
    keys = {run.config.key_without_seed for run in runs}
    return len(keys) == 1 and len({run.seed for run in runs}) == len(runs)


def _require_same_images(runs: Sequence[TrainedRun]) -> None:
    """Raise a UsageError if runs were tested on different images."""
    by_checksum = {run.config.data_checksum: run for run in runs}
    if len(by_checksum) > 1:
        first, second = list(by_checksum.values())[:2]
        raise UsageError(
            f"{first.folder.name} and {second.folder.name} were tested on different images. Select runs, or "
            "variants of one cell, that share them."
        )


def load_shared_images(runs: Sequence[TrainedRun]) -> ImageData:
    """Return the images that the runs share."""
    return load_config_data(runs[0].config)
