"""The trained networks of runs and studies, found by folder and lent one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from foveal.data import ImageData
from foveal.errors import UsageError, bad_parameter
from foveal.models import load_model
from foveal.records import is_complete, read_design, schema
from foveal.records.run import read_config
from foveal.study.config import RunConfig
from foveal.study.design import list_runs
from foveal.study.resolved_config import get_data_config, load_config_data


@dataclass(frozen=True)
class TrainedRun:
    """A finished run: `name` is what it is compared as, `seed` one of those of that name.

    `source` is the folder that was named, the run's own or its study's, and `cell` the cell of a grid.
    """

    name: str
    seed: int
    config: RunConfig
    folder: Path
    source: Path
    cell: str = ""

    @property
    def key(self) -> str:
        """What no other network is called."""
        return f"{self.name} seed {self.seed}"

    def load(self) -> nn.Module:
        """Return the trained network, on the CPU."""
        return load_model(self.folder / schema.MODEL)


def find_trained_runs(
    folders: Sequence[Path], *, variants: Sequence[str] = (), seeds: Sequence[int] = ()
) -> list[TrainedRun]:
    """Return the finished runs of runs and studies, in the order of the variants, then by seed.

    Runs of one name differ in the seed alone: others of that name, from another folder or trained in
    another way, have their folder in theirs. `variants` are such names, or variants of any cell.

    Raises:
        UsageError: a folder is neither, nothing in them is finished, a variant or a seed is not there,
            or the runs were not tested on the same images.
    """
    every = [network for folder in folders for network in networks_in(folder)]
    once: dict[Path, TrainedRun] = {}
    for network in every:
        once.setdefault(network.folder.resolve(), network)
    found = told_apart(list(once.values()))
    if not found:
        raise UsageError(f"{folders[0]} has no finished run: train first.")
    names, known_seeds = list(dict.fromkeys(n.name for n in found)), {n.seed for n in found}
    for name in variants:
        if not any(name in (network.name, network.config.attention) for network in found):
            raise bad_parameter("variants", f"of {', '.join(names)}", name)
    for seed in seeds:
        if seed not in known_seeds:
            raise bad_parameter("seeds", f"of {', '.join(map(str, sorted(known_seeds)))}", seed)
    chosen = [
        network
        for name in (variants or names)
        for network in found
        if name in (network.name, network.config.attention) and (not seeds or network.seed in seeds)
    ]
    refuse_other_images(chosen)
    return chosen


def networks_in(folder: Path) -> list[TrainedRun]:
    """Return the finished runs of one folder."""
    if is_complete(folder):
        config = RunConfig(**read_config(folder))
        return [TrainedRun(config.attention, config.seed, config, folder, folder)]
    design = read_design(folder)
    found = []
    for config, run in list_runs(design, folder):
        if is_complete(run):
            stored = read_config(run)
            cell = design.find_cell(stored)
            label = cell.label if cell is not None else ""
            name = f"{config.attention} ({label})" if label else config.attention
            found.append(TrainedRun(name, config.seed, RunConfig(**stored), run, folder, label))
    order = list(dict.fromkeys(network.name for network in found))
    return sorted(found, key=lambda network: (order.index(network.name), network.seed))


def told_apart(networks: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Return the networks with names under which no two differ in more than their seed."""
    by_name: dict[str, list[TrainedRun]] = {}
    for network in networks:
        by_name.setdefault(network.name, []).append(network)
    mixed = {name for name, many in by_name.items() if not differ_in_seed_alone(many)}
    return [
        replace(n, name=f"{n.name} in {n.source.name}") if n.name in mixed else n for n in networks
    ]


def differ_in_seed_alone(networks: Sequence[TrainedRun]) -> bool:
    """Say whether networks are runs of one config with a seed each."""
    configs = {network.config.model_copy(update={"seed": 0}).key for network in networks}
    return len(configs) == 1 and len({network.seed for network in networks}) == len(networks)


def refuse_other_images(networks: Sequence[TrainedRun]) -> None:
    """Refuse to compare networks that were tested on different images."""
    checksums = {network.config.data_checksum: network for network in networks}
    if len(checksums) > 1:
        first, second = list(checksums.values())[:2]
        raise UsageError(
            f"{first.folder.name} and {second.folder.name} were tested on different images: name runs, "
            "or variants of one cell, that share them."
        )


def load_shared_images(networks: Sequence[TrainedRun]) -> ImageData:
    """Read the images that the networks share."""
    return load_config_data(get_data_config(networks[0].config))
