"""The trained networks of runs and studies, found by folder and lent one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from foveal.data import ImageData
from foveal.errors import UsageError, bad_parameter
from foveal.models import load_model
from foveal.records import is_complete, read_design, schema
from foveal.records.run import read_config
from foveal.study.config import RunConfig
from foveal.study.design import runs_of
from foveal.study.setting import images_of, read_data


@dataclass(frozen=True)
class Network:
    """A finished run: `name` is what it is compared as, `seed` one of those of that name."""

    name: str
    seed: int
    config: RunConfig
    folder: Path

    def load(self) -> nn.Module:
        """Return the trained network, on the CPU."""
        return load_model(self.folder / schema.MODEL)


def networks_of(
    folders: Sequence[Path], *, variants: Sequence[str] = (), seeds: Sequence[int] = ()
) -> list[Network]:
    """Return the finished runs of runs and studies, in the order of the variants, then by seed.

    Raises:
        UsageError: a folder is neither, nothing in them is finished, a variant or a seed is not there,
            or the runs were not tested on the same images.
    """
    found = [network for folder in folders for network in networks_in(folder)]
    if not found:
        raise UsageError(f"{folders[0]} has no finished run: train first.")
    names, known_seeds = list(dict.fromkeys(n.name for n in found)), {n.seed for n in found}
    for name in variants:
        if name not in names:
            raise bad_parameter("variants", f"of {', '.join(names)}", name)
    for seed in seeds:
        if seed not in known_seeds:
            raise bad_parameter("seeds", f"of {', '.join(map(str, sorted(known_seeds)))}", seed)
    chosen = [
        network
        for name in (variants or names)
        for network in found
        if network.name == name and (not seeds or network.seed in seeds)
    ]
    refuse_other_images(chosen)
    return chosen


def networks_in(folder: Path) -> list[Network]:
    """Return the finished runs of one folder."""
    if is_complete(folder):
        config = RunConfig(**read_config(folder))
        return [Network(config.attention, config.seed, config, folder)]
    design = read_design(folder)
    found = []
    for config, run in runs_of(design, folder):
        if is_complete(run):
            stored = read_config(run)
            cell = design.cell_of(stored)
            label = f" ({cell.label})" if cell is not None and cell.label else ""
            name = f"{config.attention}{label}"
            found.append(Network(name, config.seed, RunConfig(**stored), run))
    order = list(dict.fromkeys(network.name for network in found))
    return sorted(found, key=lambda network: (order.index(network.name), network.seed))


def refuse_other_images(networks: Sequence[Network]) -> None:
    """Refuse to compare networks that were tested on different images."""
    checksums = {network.config.data_checksum: network for network in networks}
    if len(checksums) > 1:
        first, second = list(checksums.values())[:2]
        raise UsageError(
            f"{first.folder.name} and {second.folder.name} were tested on different images: name runs, "
            "or variants of one cell, that share them."
        )


def images_for(networks: Sequence[Network]) -> ImageData:
    """Read the images that the networks share."""
    return read_data(images_of(networks[0].config))
