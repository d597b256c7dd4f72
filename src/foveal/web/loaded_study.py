"""Trained networks of the page: one per variant, loaded once, applied to one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
    move_to_model,
    occlusion_sensitivity,
)
from foveal.inspection.trained_runs import TrainedRun, find_trained_runs, load_shared_images
from foveal.records.run import read_arrays
from foveal.records.schema import PREDICTIONS_FILE

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _LoadedVariant:
    """A trained network in eval mode, with the name of its variant and its seed."""

    name: str
    seed: int
    model: nn.Module


@dataclass(frozen=True, eq=False)
class LoadedStudy:
    """The data and the networks of a study or a run.

    `correct_counts` (N,) has the number of variants that classify each test image correctly.
    `omitted_variants` have no finished run with the requested seed.
    """

    folder: Path
    data: ImageData
    model: str
    variants: tuple[_LoadedVariant, ...]
    correct_counts: npt.NDArray[np.int64]
    omitted_variants: tuple[str, ...] = ()


def load_study(
    folder: Path, *, device: str, seed: int | None = None, variants: Sequence[str] = ()
) -> LoadedStudy:
    """Load the networks of a study or a run, and their test images.

    Args:
        folder: the folder of a study or a run.
        device: the device of the networks.
        seed: the seed of the networks; by default the first finished seed of each variant.
        variants: names of variants; by default all.

    Raises:
        UsageError: no run is finished, a variant or the seed does not exist, or the runs have different
            test images.
        FovealError: the weights of a network cannot be read.
    """
    runs = find_trained_runs([folder], variants=variants)
    if seed is not None:
        find_trained_runs([folder], variants=variants, seeds=[seed])  # raises for an unknown seed
    selected = select_one_run_per_variant(runs, seed=seed)
    data = load_shared_images(selected)
    loaded = tuple(
        _LoadedVariant(run.name, run.seed, run.load_network().to(device).eval()) for run in selected
    )
    _warm_up_models(loaded, data)
    names = {run.name for run in selected}
    return LoadedStudy(
        folder,
        data,
        selected[0].config.model,
        loaded,
        _count_correct(selected),
        tuple(dict.fromkeys(run.name for run in runs if run.name not in names)),
    )


def select_one_run_per_variant(
    runs: Sequence[TrainedRun], *, seed: int | None = None
) -> list[TrainedRun]:
    """Return the run of each variant with this seed, by default with its first finished seed."""
    selected: dict[str, TrainedRun] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        if seed in (None, run.seed):
            selected.setdefault(run.name, run)
    return [selected[name] for name in dict.fromkeys(run.name for run in runs) if name in selected]


def _warm_up_models(variants: Sequence[_LoadedVariant], data: ImageData) -> None:
    """Run every network once, so that the first image does not wait for lazy initialization.

    Raises:
        UsageError: a network has another number of classes than the images.
    """
    channels, height, width = data.image_shape
    blank = np.zeros((height, width, channels), np.uint8)
    class_count = predict_probabilities(variants, preprocess_image(blank, data)).shape[1]
    if class_count != len(data.classes):
        raise UsageError(
            f"The networks should have {len(data.classes)} classes, as {data.name} has. "
            f"Found {class_count}."
        )


def _count_correct(runs: Sequence[TrainedRun]) -> npt.NDArray[np.int64]:
    """Return the number of runs that classify each test image correctly, from their records, (N,)."""
    correct = [read_arrays(run.folder / PREDICTIONS_FILE)["correct"] for run in runs]
    return np.asarray(np.stack(correct).astype(np.int64).sum(0))


def preprocess_image(image: Pixels, data: ImageData) -> Tensor:
    """Return one image uint8 (H, W, C) as the normalized input of the networks, (1, C, H, W)."""
    return normalize_images(torch.from_numpy(np.array(image[None])), data.mean, data.std)


@torch.no_grad()
def predict_probabilities(variants: Sequence[_LoadedVariant], images: Tensor) -> Tensor:
    """Return the class probabilities of one image (1, C, H, W) by each variant, (V, K), on the CPU."""
    logits = [variant.model(move_to_model(variant.model, images)) for variant in variants]
    return torch.cat([each.float().softmax(1).cpu() for each in logits])


def sweep_occlusion(
    variant: _LoadedVariant,
    images: Tensor,
    data: ImageData,
    *,
    window: int,
    fill: str,
    progress: Callable[[int, int], None],
) -> OcclusionResult:
    """Run the occlusion sweep of one variant over one image, for all classes."""
    return occlusion_sensitivity(
        {variant.name: variant.model},
        images,
        window=window,
        fill=fill,
        target="all",
        normalization=(data.mean, data.std),
        progress=progress,
    )


def merge_occlusion_results(results: Sequence[OcclusionResult]) -> OcclusionResult:
    """Return the sweeps of several variants over the same image as one result."""
    logits: dict[str, Tensor] = {}
    for result in results:
        logits |= result.logits
    return replace(results[0], logits=logits)


def compute_gate_maps(variant: _LoadedVariant, images: Tensor) -> tuple[GateMap, ...]:
    """Return the maps of a variant's gates for one image; empty for a network without gates."""
    return gate_maps(variant.model, images) if has_gates(variant.model) else ()


def compute_grad_cams(
    variants: Sequence[_LoadedVariant], images: Tensor, target: int
) -> list[Tensor]:
    """Return the Grad-CAM of each variant for one image and one class, (H, W) each."""
    return [grad_cam(variant.model, images, [target])[0] for variant in variants]
