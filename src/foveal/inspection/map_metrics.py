"""How far the maps of an explanation can be trusted, by variant, each measure beside its control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from foveal.data import normalize_images
from foveal.explanation import (
    LocalizationMeasure,
    localize,
    make_grid_canvas,
    measure_agreement,
    measure_faithfulness,
    occlusion_sensitivity,
    random_maps,
)
from foveal.inspection.explanations import Explanation
from foveal.inspection.trained_runs import TrainedRun
from foveal.study.run_extras import images_at

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class MapMetric:
    """One measure of one variant, the mean over seeds and images, and what it is without knowledge.

    `control` is that of random maps of the same windows, of gates that were redrawn, or of chance. Either
    is None where there is none, as where all maps are flat. `seeds` were averaged.
    """

    name: str
    value: float | None
    control: float | None
    seeds: int


def compute_map_metrics(
    networks: Sequence[TrainedRun], found: Explanation
) -> dict[str, list[MapMetric]]:
    """Return by variant how its maps do: faithfulness, agreement and localization.

    Where no mask is known, the images are planted into a canvas of four, the others of other classes; a
    network that was trained on whole images may not know them at a quarter of the size.
    """
    by_variant: dict[str, list[dict[str, tuple[float, float | None]]]] = {}
    for network in networks:
        by_variant.setdefault(network.name, []).append(measures_of(network, found))
    return {
        name: [
            MapMetric(
                measure,
                mean_or_none([one[measure][0] for one in each]),
                mean_or_none([one[measure][1] for one in each]),
                len(each),
            )
            for measure in each[0]
        ]
        for name, each in by_variant.items()
    }


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean of the numbers among the values, None if there are none."""
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(numbers)) if numbers else None


def measures_of(network: TrainedRun, found: Explanation) -> dict[str, tuple[float, float | None]]:
    """Return the measures of one network, each with its control."""
    model, name = network.load(), network.key
    images, targets = images_at(found.data, found.rows), found.result.target_classes(name)
    maps = found.result.map(name).numpy()
    windows = found.result.windows
    noise = random_maps(maps.shape, window=windows.window, stride=windows.stride, seed=network.seed)
    # What a map was made with must not judge it, and blur is what else would fill.
    fill = 0.0 if "blur" in found.result.fills else None
    own, control = (
        measure_faithfulness(model, images, targets, each, fill=fill) for each in (maps, noise)
    )
    measures: dict[str, tuple[float, float | None]] = {
        "insertion area": (own.insertion_area.mean(), control.insertion_area.mean()),
        "deletion area": (own.deletion_area.mean(), control.deletion_area.mean()),
    }
    for one in measure_agreement(model, images, targets, result=found.result, name=name):
        measures[f"{one.first} ~ {one.second}"] = (one.mean, one.control_mean)
    for title, place in localization(network, model, found, maps).items():
        measures[title] = (place.mean, place.mean_chance_level)
    return measures


def localization(
    network: TrainedRun, model: nn.Module, found: Explanation, maps: Floats
) -> dict[str, LocalizationMeasure]:
    """Return how far maps find the object: by its mask, or planted into a canvas of other images."""
    masks, prefix = found.data.test.columns.get("mask"), ""
    if masks is not None:
        truth = np.asarray(masks[found.rows], dtype=np.bool_)
    else:
        test = found.data.test
        if test.images.shape[1] % 2 or test.images.shape[2] % 2 or len(found.data.classes) < 2:
            return {}  # no canvas of four whole cells, or nothing of another class to put beside
        planted = make_grid_canvas(
            np.asarray(test.images), test.labels, seed=network.seed, indices=found.rows
        )
        pixels = normalize_images(torch.from_numpy(planted.images), found.data.mean, found.data.std)
        labels = torch.from_numpy(planted.labels)
        maps = occlusion_sensitivity(model, pixels, labels, **geometry(found)).map().numpy()
        truth, prefix = planted.masks, "planted: "
    places = localize(maps, truth)
    return {
        f"{prefix}{name}": measure
        for name, measure in (
            ("pointing", places.pointing),
            ("energy", places.energy),
            ("auc", places.auc),
        )
    }


def geometry(found: Explanation) -> dict[str, Any]:
    """Return the options with which a sweep is made as that of the explanation was."""
    windows = found.result.windows
    return {
        "window": windows.window,
        "stride": windows.stride,
        "edge": windows.edge,
        "fill": found.result.fills,
        "score": found.result.score,
        "normalization": (found.data.mean, found.data.std),
    }
