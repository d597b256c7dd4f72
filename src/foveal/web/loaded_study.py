"""The trained networks behind the page: loaded once, one of each variant, asked about one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.data import ImageData, normalize_images
from foveal.errors import UsageError
from foveal.explanation import (
    GateMap,
    OcclusionResult,
    gate_maps,
    grad_cam,
    has_gates,
    occlusion_sensitivity,
    to_model,
)
from foveal.inspection.trained_runs import TrainedRun, find_trained_runs, load_shared_images
from foveal.records.run import read_arrays
from foveal.records.schema import PREDICTIONS

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Variant:
    """A network that answers, and how it is called."""

    name: str
    seed: int
    model: nn.Module


@dataclass(frozen=True, eq=False)
class Served:
    """What a study or a run gives the page.

    `right` (N,) counts the variants that are right about each test image; `left_out` are variants that
    have no network of the seed that was asked for.
    """

    folder: Path
    data: ImageData
    model: str
    variants: tuple[Variant, ...]
    right: npt.NDArray[np.int64]
    left_out: tuple[str, ...] = ()


def served_from(
    folder: Path, *, device: str, seed: int | None = None, variants: Sequence[str] = ()
) -> Served:
    """Load the networks of a study or a run, and the images that they were tested on.

    Args:
        folder: of a study or of one run.
        device: where the networks compute.
        seed: whose networks; by default the first finished seed of each variant.
        variants: of these alone.

    Raises:
        UsageError: nothing there is finished, a variant or the seed is not there, or the runs were not
            tested on the same images.
        FovealError: the weights of a network cannot be read.
    """
    every = find_trained_runs([folder], variants=variants)
    if seed is not None:
        find_trained_runs(
            [folder], variants=variants, seeds=[seed]
        )  # says it where no run has that seed
    chosen = first_of_each(every, seed=seed)
    data = load_shared_images(chosen)
    loaded = tuple(Variant(n.name, n.seed, ready(n.load(), device)) for n in chosen)
    names = {network.name for network in chosen}
    warm(loaded, data)
    return Served(
        folder,
        data,
        chosen[0].config.model,
        loaded,
        times_right(chosen),
        tuple(dict.fromkeys(n.name for n in every if n.name not in names)),
    )


def first_of_each(networks: Sequence[TrainedRun], *, seed: int | None = None) -> list[TrainedRun]:
    """Return one network of each variant: that of `seed`, by default that of its first finished seed."""
    first: dict[str, TrainedRun] = {}
    for network in sorted(networks, key=lambda one: one.seed):
        if seed in (None, network.seed):
            first.setdefault(network.name, network)
    return [first[name] for name in dict.fromkeys(n.name for n in networks) if name in first]


def ready(model: nn.Module, device: str) -> nn.Module:
    """Return a network in eval mode on the device."""
    return model.to(device).eval()


def warm(variants: Sequence[Variant], data: ImageData) -> None:
    """Ask every network once, so that the first image does not wait for what a first pass prepares.

    Raises:
        UsageError: a network has another number of classes than the images.
    """
    channels, height, width = data.image_shape
    blank = np.zeros((height, width, channels), np.uint8)
    found = probabilities(variants, taken(blank, data))
    if found.shape[1] != len(data.classes):
        raise UsageError(
            f"The networks should know {len(data.classes)} classes, those of {data.name}. "
            f"Found {found.shape[1]}."
        )


def times_right(networks: Sequence[TrainedRun]) -> npt.NDArray[np.int64]:
    """Return how many of the networks are right about each test image, by their records, (N,)."""
    correct = [read_arrays(network.folder / PREDICTIONS)["correct"] for network in networks]
    return np.asarray(np.stack(correct).astype(np.int64).sum(0))


def taken(image: Pixels, data: ImageData) -> Tensor:
    """Return one image uint8 (H, W, C) as the networks take it, (1, C, H, W)."""
    return normalize_images(torch.from_numpy(np.array(image[None])), data.mean, data.std)


@torch.no_grad()
def probabilities(variants: Sequence[Variant], images: Tensor) -> Tensor:
    """Return what each variant says of one image (1, C, H, W): probabilities (V, K), on the CPU."""
    each = [variant.model(to_model(variant.model, images)) for variant in variants]
    return torch.cat([logits.float().softmax(1).cpu() for logits in each])


def swept(
    variant: Variant,
    images: Tensor,
    data: ImageData,
    *,
    window: int,
    fill: str,
    listen: Callable[[int, int], None],
) -> OcclusionResult:
    """Hide windows of one image and keep what one variant then says, of every class."""
    return occlusion_sensitivity(
        {variant.name: variant.model},
        images,
        window=window,
        fill=fill,
        target="all",
        normalization=(data.mean, data.std),
        progress=listen,
    )


def together(results: Sequence[OcclusionResult]) -> OcclusionResult:
    """Return the sweeps of several variants over one image as one."""
    logits: dict[str, Any] = {}
    for result in results:
        logits |= result.logits
    return replace(results[0], logits=logits)


def gates_of(variant: Variant, images: Tensor) -> tuple[GateMap, ...]:
    """Return the maps of a variant's gates for one image, none where it has no gate of ours."""
    return gate_maps(variant.model, images) if has_gates(variant.model) else ()


def cams_of(variants: Sequence[Variant], images: Tensor, target: int) -> list[Tensor]:
    """Return the Grad-CAM of each variant for one image and one class, (H, W) each."""
    return [grad_cam(variant.model, images, [target])[0] for variant in variants]
