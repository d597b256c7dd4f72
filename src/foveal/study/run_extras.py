"""Extras stored with every run: occlusion maps, gate statistics, robustness, image properties.

Reports therefore need no weights. Maps and gates are computed in float32 whatever the dtype of the training:
the drop of a probability is a small difference of large numbers. Robustness is an accuracy, and is computed
in the dtype of the training.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.data import ImageData, compute_colorfulness
from foveal.evaluation import (
    MAX_SEVERITY,
    OCCLUSION_FRACTIONS,
    list_supported_corruptions,
    measure_robustness,
)
from foveal.explanation import (
    OcclusionResult,
    compute_gate_statistics,
    gate_maps,
    has_gates,
    measure_agreement,
    occlusion_sensitivity,
)
from foveal.explanation.occlusion import make_windows
from foveal.study.config import RunConfig
from foveal.study.probe_images import (
    MAX_PROBE_IMAGES,
    SHOWN_IMAGES,
    choose_probe_images,
    get_test_images,
)
from foveal.study.training_job import TrainingJob, build_job, get_numerics
from foveal.training import (
    EVALUATION_BATCH_SIZE,
    TrainingResult,
    apply_memory_format,
    autocast_context,
    get_memory_format,
    numerics_context,
)
from foveal.variant_names import has_attention

_Arrays = dict[str, npt.NDArray[Any]]
_IntArray = npt.NDArray[np.int64]

_MAX_ROBUSTNESS_IMAGES: Final = 500
_MAX_EXTENT_IMAGES: Final = 300
_MAX_STORED_GATE_IMAGES: Final = 1000
_MAX_GATE_MAP_IMAGES: Final = 3
"""Images with stored gate maps, as many as the report shows."""
SHARED_IMAGES: Final = "shown_images"
"""Array of the extra `occlusion` that all runs of a study share."""
_MAX_SWEEP_PASSES: Final = 15_000
"""Forward passes of single images in one occlusion sweep."""
_EXTENT_THRESHOLD: Final = 0.5
"""Share of the largest drop from which a pixel belongs to the object."""
_MIN_EXTENT_DROP: Final = 0.02
"""Largest drop of a probability below which a map is noise and has no extent."""


def compute_occlusion_extra(job: TrainingJob, training: TrainingResult) -> _Arrays:
    """Return the occlusion sweep over the M probe images, for the probability of their labels.

    `drop` and `window_predictions` (M, Py, Px) are per window. `confidence` and `predicted` (M,) are of the
    images without occlusion, `image_indices` (M,) their indices in the test set, and `shown_images` the
    pixels of the first images. `window_rows` (Py,) and `window_columns` (Px,) are the first row and column of
    the windows. The arrays of `_compute_agreement` are included.
    """
    indices = _get_probe_indices(job.data)
    result = _sweep_windows(job, training.model, indices)
    rows, columns = result.windows.starts
    return {
        "image_indices": indices,
        "labels": job.data.test.labels[indices],
        "drop": result.grid().numpy().astype(np.float16),
        "window_predictions": result.window_predictions()[0].numpy().astype(np.uint16),
        "confidence": result.confidence().numpy(),
        "predicted": result.probabilities().argmax(1).numpy().astype(np.uint16),
        SHARED_IMAGES: np.asarray(job.data.test.images[indices[:SHOWN_IMAGES]]),
        "image_size": np.array(result.windows.image_size),
        "window": np.array(result.windows.window),
        "stride": np.array(result.windows.stride),
        "edge": np.array(result.windows.edge),
        "window_rows": np.array(rows),
        "window_columns": np.array(columns),
        "fill": np.array(result.fills[0]),
        "score": np.array(result.score),
        **_compute_agreement(job, training.model, indices, result),
    }


def _compute_agreement(
    job: TrainingJob, model: nn.Module, indices: _IntArray, result: OcclusionResult
) -> _Arrays:
    """Return the rank correlation of each of A pairs of maps, and what it is compared with.

    `agreement_pairs` (A, 2) are the names of the maps, `agreement` (A,) the correlations. `agreement_rank` (A,)
    is the rank of a gate among `agreement_draws` (A,) redrawn gates and itself, and `agreement_activation` (A,)
    the correlation of the mean absolute features; both are NaN for maps without gates.
    """
    with numerics_context(get_numerics(job.config)):
        agreements = measure_agreement(
            model, get_test_images(job.data, indices), None, result=result
        )
    ranks = [agreement.rank for agreement in agreements]
    activations = [agreement.activation_mean for agreement in agreements]
    return {
        "agreement_pairs": np.array(
            [(agreement.first, agreement.second) for agreement in agreements]
        ),
        "agreement": np.array([agreement.mean for agreement in agreements]),
        "agreement_rank": np.array(ranks, dtype=np.float64),
        "agreement_draws": np.array([agreement.draws for agreement in agreements]),
        "agreement_activation": np.array(activations, dtype=np.float64),
    }


def compute_gates_extra(job: TrainingJob, training: TrainingResult) -> _Arrays:
    """Return the statistics of the G gates, (G,) each, and their maps of the shown images.

    `spatial_map_k` (P, h, w) and `channel_weights_k` (P, C) are the maps of gate k over positions and over
    channels; a gate over one of them has no other map. Without gates, nothing is returned.
    """
    if not has_gates(training.model):
        return {}
    data, numerics = job.data, get_numerics(job.config)
    untrained = build_job(job.config, data).model.to(numerics.device)
    test_batches = data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=numerics.device)
    batches = islice(
        apply_memory_format(test_batches, numerics),
        _MAX_STORED_GATE_IMAGES // EVALUATION_BATCH_SIZE,
    )
    shown_indices = _get_probe_indices(data)[:_MAX_GATE_MAP_IMAGES]
    with numerics_context(numerics):
        statistics = compute_gate_statistics(training.model, batches, start=untrained)
        maps = gate_maps(training.model, get_test_images(data, shown_indices))
    arrays = {
        name: np.array([getattr(gate, name) for gate in statistics])
        for name in (
            "name",
            "site",
            "kind",
            "status",
            "is_redundant",
            "mean",
            "std",
            "std_between_images",
            "saturated_share",
            "distance_from_start",
            "mixing_weight",
        )
    }
    for index, gate_map in enumerate(maps):
        if gate_map.kind != "channel":
            arrays[f"spatial_map_{index}"] = gate_map.spatial_map.numpy().astype(np.float16)
        if gate_map.kind != "spatial":
            arrays[f"channel_weights_{index}"] = gate_map.channel_weights.numpy().astype(np.float16)
    image_count = np.array(statistics[0].image_count)
    return {**arrays, "image_count": image_count, "shown_image_indices": shown_indices}


def compute_robustness_extra(job: TrainingJob, training: TrainingResult) -> _Arrays:
    """Return the accuracy on the first test images, clean and under each condition, (M,)."""
    data, numerics = job.data, get_numerics(job.config)
    count = _count_robustness_images(data)
    memory_format = get_memory_format(numerics)

    def normalize_as_trained(pixels: Tensor) -> Tensor:
        return _normalize_pixels(pixels, data).contiguous(memory_format=memory_format)

    with numerics_context(numerics), autocast_context(numerics, training.model):
        result = measure_robustness(
            training.model,
            np.asarray(data.test.images[:count]),
            data.test.labels[:count],
            normalize=normalize_as_trained,
            kinds=list_supported_corruptions(data.image_shape[0]),
            fill=torch.tensor(data.mean).view(-1, 1, 1),
            batch_size=EVALUATION_BATCH_SIZE,
        )
    return {
        "image_count": np.array(result.images),
        "clean_accuracy": np.array(result.clean),
        "condition": np.asarray(result.condition),
        "severity": np.asarray(result.severity),
        "amount": np.asarray(result.amount),
        "accuracy": np.asarray(result.accuracy),
    }


def compute_covariates_extra(job: TrainingJob, training: TrainingResult) -> _Arrays:
    """Return the extent and the colorfulness of test images, with which hypotheses compare gains.

    Only runs without attention store them, and only for color images. The extent is that of the scene's mask,
    or without a mask the one measured by occlusion.
    """
    if has_attention(job.config.attention) or job.data.image_shape[0] != 3:
        return {}
    test = job.data.test
    if "area" in test.columns:
        indices = np.arange(len(test))
        extent, source = test.columns["area"], "mask"
    else:
        indices = np.arange(_count_extent_images(job.data))
        result = _sweep_windows(job, training.model, indices)
        extent, source = measure_extents(result), "occlusion"
    return {
        "image_indices": indices,
        "extent": np.asarray(extent, dtype=np.float32),
        "colorfulness": compute_colorfulness(np.asarray(test.images[indices])),
        "extent_source": np.array(source),
    }


def _count_robustness_images(data: ImageData) -> int:
    """Return the number of test images for robustness."""
    return min(_MAX_ROBUSTNESS_IMAGES, max(1, len(data.test) // 10))


def _count_extent_images(data: ImageData) -> int:
    """Return the number of test images whose extent is measured by occlusion; 0 if masks are known."""
    if "area" in data.test.columns or data.image_shape[0] != 3:
        return 0
    max_swept = _MAX_SWEEP_PASSES // _count_sweep_passes(data)
    return min(_MAX_EXTENT_IMAGES, max_swept, max(1, len(data.test) // 5))


def _count_sweep_passes(data: ImageData) -> int:
    """Return the number of forward passes per image in an occlusion sweep."""
    height, width = data.image_shape[1:]
    return make_windows((height, width)).count + 1


def _get_probe_indices(data: ImageData) -> _IntArray:
    """Return the indices of the probe images of a data set, as many as a sweep allows."""
    max_images = min(MAX_PROBE_IMAGES, _MAX_SWEEP_PASSES // _count_sweep_passes(data))
    return choose_probe_images(data.test.labels, len(data.classes), max_images=max_images)


def count_forward_passes(config: RunConfig, data: ImageData) -> int:
    """Return the number of forward passes of single images that all extras of a run take."""
    probe_images = len(_get_probe_indices(data))
    swept_images, compared_images, gate_images = probe_images, probe_images, 0
    if has_attention(config.attention):
        compared_images *= 2  # Grad-CAM, gates
        gate_images = min(_MAX_STORED_GATE_IMAGES, len(data.test))
        gate_images += min(_MAX_GATE_MAP_IMAGES, probe_images)
    else:
        swept_images += _count_extent_images(data)
    corruptions = list_supported_corruptions(data.image_shape[0])
    conditions = 1 + len(OCCLUSION_FRACTIONS) + len(corruptions) * MAX_SEVERITY
    return (
        swept_images * _count_sweep_passes(data)
        + compared_images
        + gate_images
        + _count_robustness_images(data) * conditions
    )


def _sweep_windows(job: TrainingJob, model: nn.Module, indices: _IntArray) -> OcclusionResult:
    """Return the occlusion sweep over test images, for the probability of their labels."""
    data = job.data
    with numerics_context(get_numerics(job.config)):
        return occlusion_sensitivity(
            model,
            get_test_images(data, indices),
            torch.from_numpy(data.test.labels[indices]),
            normalization=(data.mean, data.std),
        )


def _normalize_pixels(pixels: Tensor, data: ImageData) -> Tensor:
    """Return images in [0, 1], (N, C, H, W), normalized as in training."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(-1, 1, 1)
        for values in (data.mean, data.std)
    )
    return (pixels - mean) / std


def measure_extents(result: OcclusionResult) -> npt.NDArray[np.float32]:
    """Return the share of each image in which the drop is at least half of its maximum, (N,).

    NaN if the maximum is below 0.02: otherwise the extent would reflect the errors of the network.
    """
    maps = result.map().flatten(1)
    max_drops = maps.amax(1)
    extents = (maps >= _EXTENT_THRESHOLD * max_drops[:, None]).float().mean(1)
    extents[max_drops < _MIN_EXTENT_DROP] = torch.nan
    return np.asarray(extents.numpy())
