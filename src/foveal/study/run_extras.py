"""What a run leaves of where its network looks and what it bears, so that a report needs no weights.

Maps and gates are computed in float32 whatever the training was in: a drop of a probability is a small
difference of large numbers. Robustness is accuracy, in the precision of the training as the accuracy is.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.attention import parse_variant
from foveal.data import ImageData, compute_colorfulness, normalize_images
from foveal.evaluation import (
    MAX_SEVERITY,
    OCCLUSION_FRACTIONS,
    list_supported_corruptions,
    measure_robustness,
)
from foveal.explanation import (
    CONTROL_DRAWS,
    OcclusionResult,
    gate_maps,
    gate_statistics,
    has_gates,
    measure_agreement,
    occlusion_sensitivity,
)
from foveal.explanation.occlusion import make_windows
from foveal.study.config import RunConfig
from foveal.study.probe_images import MOST, PICTURED, choose_probe_images
from foveal.study.training_job import Job, build_job, get_numerics
from foveal.training import (
    EVALUATION_BATCH_SIZE,
    TrainingResult,
    apply_memory_format,
    autocast_context,
    get_memory_format,
    numerics_context,
)
from foveal.variant_names import WITHOUT_ATTENTION

Arrays = dict[str, npt.NDArray[Any]]

BORNE = 500  # images of the robustness curves
EXTENDED = 300  # images whose extent is measured by occlusion
GATED = 1000  # images of the statistics of gates
HALF = 0.5
LEAST = 0.02  # of a probability: where no window takes more, a map is noise and has no extent
PASSES = 15_000  # of one image through the network in a sweep, at most


def occlusion(job: Job, training: TrainingResult) -> Arrays:
    """Leave what hiding each window of the fixed images does to the probability of their class.

    `drop` (M, Py, Px) and `predicted` (M, Py, Px) by window, `probability` and `prediction` (M,) of the
    images as they are, `images` (M,) their rows in the test set, and the first of them as `pictures`.
    `starts_down` (Py,) and `starts_across` (Px,) say where the windows begin. How far occlusion, Grad-CAM
    and attention over positions agree on these images stands beside it, see `agreements`.
    """
    rows = fixed(job.data)
    result = looked_at(job, training.model, rows)
    shown = rows[:PICTURED]
    down, across = result.windows.starts
    return {
        "image_indices": rows,
        "labels": job.data.test.labels[rows],
        "drop": result.grid().numpy(),
        "window_predictions": result.window_predictions()[0].numpy().astype(np.uint16),
        "confidence": result.confidence().numpy(),
        "predicted": result.probabilities().argmax(1).numpy().astype(np.uint16),
        "shown_images": np.asarray(job.data.test.images[shown]),
        "image_size": np.array(result.windows.image_size),
        "window": np.array(result.windows.window),
        "stride": np.array(result.windows.stride),
        "edge": np.array(result.windows.edge),
        "window_rows": np.array(down),
        "window_columns": np.array(across),
        "fill": np.array(result.fills[0]),
        "score": np.array(result.score),
        **agreements(job, training.model, rows, result),
    }


def agreements(
    job: Job, model: nn.Module, rows: npt.NDArray[np.int64], result: OcclusionResult
) -> Arrays:
    """Return how maps of images of the test set agree, (A,): a rank correlation a pair, and its control.

    `agreement_of` (A, 2) names the pair, and the control, that of gates drawn anew, is NaN where there is
    none.
    """
    with numerics_context(get_numerics(job.config)):
        found = measure_agreement(model, images_at(job.data, rows), None, result=result)
    controls = [one.control_mean for one in found]
    return {
        "agreement_pairs": np.array([(one.first, one.second) for one in found]),
        "agreement": np.array([one.mean for one in found]),
        "agreement_control": np.array([np.nan if c is None else c for c in controls]),
    }


def gates(job: Job, training: TrainingResult) -> Arrays:
    """Leave the statistics of each gate, (G,) by name, and its maps of the pictured images.

    `spatial_k` (P, h, w) and `channels_k` (P, C) are the maps of gate k, where it has such a side.
    """
    if not has_gates(training.model):
        return {}
    data, numerics = job.data, get_numerics(job.config)
    fresh = build_job(job.config, data).model.to(numerics.device)
    test = data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=numerics.device)
    batches = islice(apply_memory_format(test, numerics), GATED // EVALUATION_BATCH_SIZE)
    rows = fixed(data)[:PICTURED]
    with numerics_context(numerics):
        found = gate_statistics(training.model, batches, start=fresh)
        maps = gate_maps(training.model, images_at(data, rows))
    left = {
        "name": np.array([gate.name for gate in found]),
        "site": np.array([gate.site for gate in found]),
        "kind": np.array([gate.kind for gate in found]),
        "status": np.array([gate.status for gate in found]),
        "is_redundant": np.array([gate.is_redundant for gate in found]),
        "mean": np.array([gate.mean for gate in found]),
        "std": np.array([gate.std for gate in found]),
        "std_between_images": np.array([gate.std_between_images for gate in found]),
        "saturated_share": np.array([gate.saturated_share for gate in found]),
        "distance_from_start": np.array([gate.distance_from_start for gate in found]),
        "mixing_weight": np.array([gate.mixing_weight for gate in found]),
    }
    for k, one in enumerate(maps):
        if one.kind != "channel":
            left[f"spatial_map_{k}"] = one.spatial_map.numpy().astype(np.float16)
        if one.kind != "spatial":
            left[f"channel_weights_{k}"] = one.channel_weights.numpy().astype(np.float16)
    return {**left, "image_count": np.array(found[0].image_count), "shown_image_indices": rows}


def robust(job: Job, training: TrainingResult) -> Arrays:
    """Leave the accuracy on the first test images under each condition, (M,), and the clean one."""
    data, numerics = job.data, get_numerics(job.config)
    count = borne(data)

    def as_trained(pixels: Tensor) -> Tensor:
        return normalized(pixels, data).contiguous(memory_format=get_memory_format(numerics))

    with numerics_context(numerics), autocast_context(numerics):
        found = measure_robustness(
            training.model,
            np.asarray(data.test.images[:count]),
            data.test.labels[:count],
            normalize=as_trained,
            kinds=corruptions_of(data),
            fill=torch.tensor(data.mean).view(-1, 1, 1),
            batch_size=EVALUATION_BATCH_SIZE,
        )
    return {
        "image_count": np.array(found.images),
        "clean_accuracy": np.array(found.clean),
        "condition": np.asarray(found.condition),
        "severity": np.asarray(found.severity),
        "amount": np.asarray(found.amount),
        "accuracy": np.asarray(found.accuracy),
    }


def covariates(job: Job, training: TrainingResult) -> Arrays:
    """Leave what the hypotheses hold gains against: extent and colorfulness of test images.

    Only where the network is plain. The extent is that of the scene's mask where there is one; else the
    share of the image in which the drop reaches half of its largest, NaN where there is hardly any drop.
    """
    if not is_plain(job.config) or job.data.image_shape[0] != 3:
        return {}
    test = job.data.test
    if "area" in test.columns:
        rows = np.arange(len(test))
        extent, source = test.columns["area"], "mask"
    else:
        rows = np.arange(extended(job.data))
        extent, source = extents(looked_at(job, training.model, rows)), "occlusion"
    return {
        "image_indices": rows,
        "extent": np.asarray(extent, dtype=np.float32),
        "colorfulness": compute_colorfulness(np.asarray(test.images[rows])),
        "extent_source": np.array(source),
    }


def corruptions_of(data: ImageData) -> list[str]:
    """Return the corruptions that are defined for these images."""
    return list_supported_corruptions(data.image_shape[0])


def borne(data: ImageData) -> int:
    """Return on how many test images robustness is measured."""
    return min(BORNE, max(1, len(data.test) // 10))


def extended(data: ImageData) -> int:
    """Return of how many test images the extent is measured, none where the masks are known."""
    known = "area" in data.test.columns or data.image_shape[0] != 3
    return 0 if known else min(EXTENDED, PASSES // positions(data), max(1, len(data.test) // 5))


def positions(data: ImageData) -> int:
    """Return how many times one image goes through a network in a sweep."""
    height, width = data.image_shape[1:]
    return make_windows((height, width)).count + 1


def fixed(data: ImageData) -> npt.NDArray[np.int64]:
    """Return the images whose maps a run leaves."""
    most = min(MOST, PASSES // positions(data))
    return choose_probe_images(data.test.labels, len(data.classes), most=most)


def forward_passes(config: RunConfig, data: ImageData) -> int:
    """Return how many images all this takes through the network, for a plan of the time."""
    swept = len(fixed(data)) + (extended(data) if is_plain(config) else 0)
    compared = len(fixed(data)) * (1 if is_plain(config) else 2 + CONTROL_DRAWS)  # Grad-CAM, gates
    gated = 0 if is_plain(config) else min(GATED, len(data.test)) + len(fixed(data)[:PICTURED])
    conditions = 1 + len(OCCLUSION_FRACTIONS) + len(corruptions_of(data)) * MAX_SEVERITY
    return swept * positions(data) + compared + gated + borne(data) * conditions


def is_plain(config: RunConfig) -> bool:
    """Say whether the network of a run has no attention."""
    return parse_variant(config.attention).name in WITHOUT_ATTENTION


def looked_at(job: Job, model: nn.Module, rows: npt.NDArray[np.int64]) -> OcclusionResult:
    """Sweep windows over images of the test set, for their labels."""
    data = job.data
    with numerics_context(get_numerics(job.config)):
        return occlusion_sensitivity(
            model,
            images_at(data, rows),
            torch.from_numpy(data.test.labels[rows]),
            normalization=(data.mean, data.std),
        )


def images_at(data: ImageData, rows: npt.NDArray[np.int64]) -> Tensor:
    """Return images of the test set as a network takes them, (N, C, H, W)."""
    return normalize_images(
        torch.from_numpy(np.asarray(data.test.images[rows])), data.mean, data.std
    )


def normalized(pixels: Tensor, data: ImageData) -> Tensor:
    """Normalize images in [0, 1], (N, C, H, W)."""
    mean, std = (
        torch.tensor(v, device=pixels.device).view(-1, 1, 1) for v in (data.mean, data.std)
    )
    return (pixels - mean) / std


def extents(result: OcclusionResult) -> npt.NDArray[np.float32]:
    """Return the share of each image in which the drop reaches half of its largest, (N,).

    NaN where the largest drop is below 0.02: else the extent would tell of what the network cannot do.
    """
    maps = result.map().flatten(1)
    largest = maps.amax(1)
    found = (maps >= HALF * largest[:, None]).float().mean(1)
    found[largest < LEAST] = torch.nan
    return np.asarray(found.numpy())
