"""Explanations of trained runs: occlusion maps of the same images, averaged over the seeds of a variant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from foveal.data import ImageData
from foveal.errors import UsageError, bad_parameter
from foveal.explanation import GateMap, OcclusionResult, gate_maps, has_gates, occlusion_sensitivity
from foveal.inspection.trained_runs import TrainedRun
from foveal.records import read_predictions
from foveal.study.probe_images import choose_first_of_each_class, get_test_images
from foveal.training import find_fastest_device
from foveal.validation import require_positive_int

_FloatArray = npt.NDArray[np.floating[Any]]
_IntArray = npt.NDArray[np.int64]
_MAX_DEFAULT_CLASSES: Final = 10
"""Classes of which an image is shown by default."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Occlusion sweeps of several runs over the same N test images.

    `image_indices` (N,) are indices in the test set, and `selection` describes how they were selected.
    `result` has the sweep of each run under its key. `runs` are grouped by name, in the order of the seeds.
    """

    data: ImageData
    image_indices: _IntArray
    selection: str
    result: OcclusionResult
    runs: dict[str, list[TrainedRun]]

    @property
    def labels(self) -> _IntArray:
        """Labels of the images, (N,)."""
        return self.data.test.labels[self.image_indices]

    @property
    def images(self) -> _FloatArray:
        """Pixels of the images, (N, H, W, C) in [0, 1]."""
        return np.asarray(self.data.test.images[self.image_indices]) / 255

    def average_over_seeds(self, name: str, compute: Callable[[str], torch.Tensor]) -> _FloatArray:
        """Return the mean of a tensor over the runs of a name, computed from the key of each run."""
        tensors = torch.stack([compute(run.key).double() for run in self.runs[name]])
        return np.asarray(tensors.mean(0).numpy())

    def average_confidences(self, name: str) -> _FloatArray:
        """Return the mean probability of the target class, (N,)."""
        return self.average_over_seeds(name, self.result.confidence)

    def compute_max_drops(self, name: str) -> _FloatArray:
        """Return the largest drop in the mean map of each image, (N,)."""
        grid = self.average_over_seeds(name, self.result.grid)
        return np.asarray(grid.reshape(len(grid), -1).max(1))

    def average_maps(self, name: str) -> _FloatArray:
        """Return the mean map of each image, (N, H, W)."""
        return self.average_over_seeds(name, lambda key: self.result.map(key))

    def count_votes(self, name: str) -> _IntArray:
        """Return the number of runs that predict each class, (N, K)."""
        one_hot = np.eye(len(self.data.classes), dtype=np.int64)
        votes = np.zeros((len(self.image_indices), len(one_hot)), np.int64)
        for run in self.runs[name]:
            votes += one_hot[self.result.probabilities(run.key).argmax(1).numpy()]
        return votes

    def measure_fill_agreement(self, name: str) -> float | None:
        """Return the rank correlation of the maps of several fills, a mean over images and seeds.

        None for one fill.
        """
        if len(self.result.fills) < 2:
            return None
        by_seed = [self.result.fill_agreement(run.key) for run in self.runs[name]]
        return float(np.nanmean([float(values.nanmean()) for values in by_seed]))


def explain_runs(
    runs: Sequence[TrainedRun],
    data: ImageData,
    image_indices: _IntArray,
    *,
    selection: str,
    on_run: Callable[[TrainedRun], None] = lambda _: None,
    **options: Any,
) -> Explanation:
    """Compute the occlusion sweep of each run over some test images.

    Args:
        runs: finished runs, tested on `data`.
        data: images of the runs.
        image_indices: indices in the test set, (N,).
        selection: description of the images, for captions.
        on_run: called after the sweep of each run.
        options: options of `occlusion_sensitivity`.

    Raises:
        UsageError: the target is the prediction, and several seeds of a variant may predict different classes.
    """
    by_name: dict[str, list[TrainedRun]] = {}
    for run in runs:
        by_name.setdefault(run.name, []).append(run)
    if options.get("target") == "pred" and any(len(group) > 1 for group in by_name.values()):
        raise UsageError(
            "Networks of several seeds predict different classes, and a mean of their maps has no meaning. "
            "Select one seed or the target `label`."
        )
    images = get_test_images(data, image_indices)
    labels = torch.from_numpy(data.test.labels[image_indices])
    logits: dict[str, torch.Tensor] = {}
    device = find_fastest_device()
    for run in runs:
        result = occlusion_sensitivity(
            {run.key: run.load_network().to(device)},
            images,
            labels,
            normalization=(data.mean, data.std),
            **options,
        )
        logits |= result.logits
        on_run(run)
    return Explanation(data, image_indices, selection, replace(result, logits=logits), by_name)


def choose_explained_images(
    data: ImageData,
    runs: Sequence[TrainedRun],
    *,
    images: Sequence[int] = (),
    per_class: int | None = None,
    most_different: int | None = None,
) -> tuple[_IntArray, str]:
    """Return indices in the test set, and a description of how they were selected.

    Args:
        data: images of the runs.
        runs: runs whose stored predictions `most_different` compares.
        images: select these indices.
        per_class: select the first images of each class, this many per class. By default 1 of each of the first
            ten classes.
        most_different: select this many images, those whose accuracy over seeds differs most among variants.

    Raises:
        UsageError: several options are given, or an option has a wrong value.
    """
    if sum(bool(option) for option in (images, per_class, most_different)) > 1:
        raise UsageError(
            "Select images in one way: by index, per class, or by difference among variants."
        )
    if images:
        invalid = [index for index in images if not 0 <= index < len(data.test)]
        if invalid:
            raise bad_parameter("images", f"from 0 to {len(data.test) - 1}", invalid[0])
        return np.array(images, dtype=np.int64), "the test images with the given indices"
    if most_different is not None:
        count = require_positive_int("most_different", most_different)
        return _find_most_different_images(runs, count), (
            f"the {count} test images whose accuracy over seeds differs most among variants"
        )
    count = 1 if per_class is None else require_positive_int("per_class", per_class)
    is_limited = per_class is None and len(data.classes) > _MAX_DEFAULT_CLASSES
    class_count = _MAX_DEFAULT_CLASSES if is_limited else len(data.classes)
    indices = choose_first_of_each_class(data.test.labels, range(class_count), count)
    sorted_by_class = indices[np.argsort(data.test.labels[indices], kind="stable")]
    first = f"the first {count} test images" if count > 1 else "the first test image"
    classes = f"of the first {_MAX_DEFAULT_CLASSES} classes" if is_limited else "class"
    return sorted_by_class, f"{first} of each {classes}"


def _find_most_different_images(runs: Sequence[TrainedRun], count: int) -> _IntArray:
    """Return the indices of the images whose accuracy over seeds differs most among variants.

    Of equal differences, the smaller index comes first.
    """
    correct: dict[str, list[npt.NDArray[np.bool_]]] = {}
    for run in runs:
        correct.setdefault(run.name, []).append(read_predictions(run.folder)["correct"])
    if len(correct) < 2:
        raise UsageError("Differences among variants need runs of at least two variants.")
    accuracies = np.stack([np.mean(by_seed, axis=0) for by_seed in correct.values()])  # (V, N)
    return np.argsort(-np.ptp(accuracies, axis=0), kind="stable")[:count]


def compute_gate_maps(
    run: TrainedRun, explanation: Explanation, *, max_images: int
) -> tuple[GateMap, ...]:
    """Return the gate maps of one run for the first images; empty without gates of foveal."""
    network = run.load_network()
    if not has_gates(network):
        return ()
    indices = explanation.image_indices[:max_images]
    return gate_maps(network, get_test_images(explanation.data, indices))
