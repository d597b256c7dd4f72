"""Metrics of the maps of an explanation, by variant: faithfulness, agreement, localization, with controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from foveal.data import normalize_images
from foveal.explanation import (
    LocalizationMeasure,
    make_grid_canvas,
    make_random_maps,
    measure_agreement,
    measure_faithfulness,
    measure_localization,
    occlusion_sensitivity,
)
from foveal.inspection.explanations import Explanation
from foveal.inspection.trained_runs import TrainedRun
from foveal.study.probe_images import get_test_images

_FloatArray = npt.NDArray[np.floating[Any]]


class _Measured(NamedTuple):
    """A metric of one run, its control, and its rank among redrawn gates with their number."""

    value: float
    control: float | None
    rank: int | None = None
    draws: int = 0


@dataclass(frozen=True)
class MapMetric:
    """One metric of one variant, a mean over seeds and images, and its control.

    The control is the metric of random maps with the same windows, of the mean absolute features at the site
    of a gate, or of chance. Value and control are None if they do not exist, for example if all maps are flat.
    `rank` is the mean rank of a gate among itself and `draws` gates with new random weights, 1 for the
    highest; None for other metrics. `seeds` is the number averaged.
    """

    name: str
    value: float | None
    control: float | None
    seeds: int
    rank: float | None = None
    draws: int = 0


def compute_map_metrics(
    runs: Sequence[TrainedRun], explanation: Explanation
) -> dict[str, list[MapMetric]]:
    """Return faithfulness, agreement and localization of the maps, by name of the runs.

    Without masks, localization uses the grid pointing game: a canvas of four images of different classes. A
    network that was trained on whole images may not recognize them at this scale.
    """
    by_name: dict[str, list[dict[str, _Measured]]] = {}
    for run in runs:
        by_name.setdefault(run.name, []).append(_compute_run_metrics(run, explanation))
    return {
        name: [
            MapMetric(
                metric,
                _average_finite([values[metric].value for values in by_seed]),
                _average_finite([values[metric].control for values in by_seed]),
                len(by_seed),
                _average_finite([values[metric].rank for values in by_seed]),
                by_seed[0][metric].draws,
            )
            for metric in by_seed[0]
        ]
        for name, by_seed in by_name.items()
    }


def _average_finite(values: Sequence[float | None]) -> float | None:
    """Return the mean of the finite values, or None without any."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def _compute_run_metrics(run: TrainedRun, explanation: Explanation) -> dict[str, _Measured]:
    """Return the metrics of one run, each with its control."""
    network, result = run.load_network(), explanation.result
    images = get_test_images(explanation.data, explanation.image_indices)
    targets = result.target_classes(run.key)
    maps = result.map(run.key).numpy()
    window, stride = result.windows.window, result.windows.stride
    control_maps = make_random_maps(maps.shape, window=window, stride=stride, seed=run.seed)
    # The fill of the maps must not judge them, and the default of faithfulness is blur.
    fill = 0.0 if "blur" in result.fills else None
    faithfulness, control = (
        measure_faithfulness(network, images, targets, each, fill=fill)
        for each in (maps, control_maps)
    )
    metrics = {
        "insertion area": _Measured(
            faithfulness.insertion_area.mean(),
            control.insertion_area.mean(),
        ),
        "deletion area": _Measured(
            faithfulness.deletion_area.mean(),
            control.deletion_area.mean(),
        ),
    }
    for agreement in measure_agreement(network, images, targets, result=result, name=run.key):
        name = f"{agreement.first} ~ {agreement.second}"
        metrics[name] = _Measured(
            agreement.mean, agreement.activation_mean, agreement.rank, agreement.draws
        )
    for name, measure in _measure_run_localization(run, network, explanation, maps).items():
        metrics[name] = _Measured(measure.mean, measure.mean_chance_level)
    return metrics


def _measure_run_localization(
    run: TrainedRun, network: nn.Module, explanation: Explanation, maps: _FloatArray
) -> dict[str, LocalizationMeasure]:
    """Return how well maps find the object: by its mask, or in a canvas with other images.

    Empty if there are no masks and a canvas is impossible: an odd image size, or a single class.
    """
    data, prefix = explanation.data, ""
    masks = data.test.columns.get("mask")
    if masks is not None:
        truth = np.asarray(masks[explanation.image_indices], dtype=np.bool_)
    else:
        height, width = data.image_shape[1:]
        if height % 2 or width % 2 or len(data.classes) < 2:
            return {}
        canvas = make_grid_canvas(
            np.asarray(data.test.images),
            data.test.labels,
            seed=run.seed,
            indices=explanation.image_indices,
        )
        pixels = normalize_images(torch.from_numpy(canvas.images), data.mean, data.std)
        labels = torch.from_numpy(canvas.labels)
        options = _get_occlusion_options(explanation)
        maps = occlusion_sensitivity(network, pixels, labels, **options).map().numpy()
        truth, prefix = canvas.masks, "canvas: "
    localization = measure_localization(maps, truth)
    return {
        f"{prefix}pointing": localization.pointing,
        f"{prefix}energy": localization.energy,
        f"{prefix}auc": localization.auc,
    }


def _get_occlusion_options(explanation: Explanation) -> dict[str, Any]:
    """Return the options of `occlusion_sensitivity` with which the explanation was computed."""
    result = explanation.result
    return {
        "window": result.windows.window,
        "stride": result.windows.stride,
        "edge": result.windows.edge,
        "fill": result.fills,
        "score": result.score,
        "normalization": (explanation.data.mean, explanation.data.std),
    }
