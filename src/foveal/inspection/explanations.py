"""Where the networks of a study look: images chosen, swept by all of them, averaged over the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from foveal.data import ImageData
from foveal.errors import UsageError, bad_parameter
from foveal.explanation import GateMap, OcclusionResult, gate_maps, has_gates, occlusion_sensitivity
from foveal.inspection.trained_runs import TrainedRun
from foveal.records.run import read_arrays
from foveal.records.schema import PREDICTIONS
from foveal.study.probe_images import first_of_each_class
from foveal.study.run_extras import images_at
from foveal.training import find_fastest_device

Floats = npt.NDArray[np.floating[Any]]
FEW_CLASSES = 10


@dataclass(frozen=True, eq=False)
class Explanation:
    """What was asked, and what each network said.

    `rows` (N,) are places in the test set, chosen by `rule`; `result` holds the sweep of every network
    under its key; `networks` has those of each variant, by seed.
    """

    data: ImageData
    rows: npt.NDArray[np.int64]
    rule: str
    result: OcclusionResult
    networks: dict[str, list[TrainedRun]]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The true classes, (N,)."""
        return self.data.test.labels[self.rows]

    @property
    def pictures(self) -> Floats:
        """The images, (N, H, W, C) in [0, 1]."""
        return np.asarray(self.data.test.images[self.rows]) / 255

    def mean(self, variant: str, of: Callable[[str], torch.Tensor]) -> Floats:
        """Return the mean over the seeds of a variant of what is known of each network, by key."""
        each = torch.stack([of(network.key).double() for network in self.networks[variant]])
        return np.asarray(each.mean(0).numpy())

    def sureness(self, variant: str) -> Floats:
        """Return the mean probability of the class that the maps are about, (N,)."""
        return self.mean(variant, self.result.confidence)

    def falls(self, variant: str) -> Floats:
        """Return the largest drop of the mean map of each image, (N,)."""
        grid = self.mean(variant, self.result.grid)
        return np.asarray(grid.reshape(len(grid), -1).max(1))

    def maps(self, variant: str) -> Floats:
        """Return the mean map of a variant, (N, H, W)."""
        return self.mean(variant, lambda name: self.result.map(name))

    def votes(self, variant: str) -> npt.NDArray[np.int64]:
        """Return how many seeds of a variant predict each class, (N, K)."""
        classes = len(self.data.classes)
        each = [
            self.result.probabilities(network.key).argmax(1).numpy()
            for network in self.networks[variant]
        ]
        return sum(
            (np.eye(classes, dtype=np.int64)[one] for one in each),
            np.zeros((len(self.rows), classes), np.int64),
        )

    def fill_agreement(self, variant: str) -> float | None:
        """Return the rank correlation of the maps of several fills, a mean over images and seeds.

        None for one fill.
        """
        if len(self.result.fills) < 2:
            return None
        by_seed = [self.result.fill_agreement(network.key) for network in self.networks[variant]]
        return float(np.nanmean([float(values.nanmean()) for values in by_seed]))


def explain(
    networks: Sequence[TrainedRun],
    data: ImageData,
    rows: npt.NDArray[np.int64],
    *,
    rule: str,
    advance: Callable[[TrainedRun], None] = lambda _: None,
    **options: Any,
) -> Explanation:
    """Sweep the images `rows` of the test set with each network; `options` are those of the sweep.

    Raises:
        UsageError: maps of several seeds would be of different classes.
    """
    by_variant: dict[str, list[TrainedRun]] = {}
    for network in networks:
        by_variant.setdefault(network.name, []).append(network)
    if options.get("target") == "pred" and any(len(many) > 1 for many in by_variant.values()):
        raise UsageError(
            "Networks of several seeds predict different classes, whose maps have no mean: choose one "
            "seed, or the target `label`."
        )
    images, labels = images_at(data, rows), torch.from_numpy(data.test.labels[rows])
    logits: dict[str, torch.Tensor] = {}
    device = find_fastest_device()
    for network in networks:
        result = occlusion_sensitivity(
            {network.key: network.load().to(device)},
            images,
            labels,
            normalization=(data.mean, data.std),
            **options,
        )
        logits |= result.logits
        advance(network)
    return Explanation(data, rows, rule, replace(result, logits=logits), by_variant)


def choose_images(
    data: ImageData,
    networks: Sequence[TrainedRun],
    *,
    images: Sequence[int] = (),
    per_class: int | None = None,
    most_different: int | None = None,
) -> tuple[npt.NDArray[np.int64], str]:
    """Return places in the test set, and in words by which rule they were chosen.

    Args:
        data: the images.
        networks: whose predictions `most_different` looks at.
        images: these places.
        per_class: the first so many of each class; if nothing is asked for, 1 of up to ten classes.
        most_different: those on which the share of right runs differs most among the variants.
    """
    if sum(bool(way) for way in (images, per_class, most_different)) > 1:
        raise UsageError("Choose images in one way: by place, per class, or where variants differ.")
    if images:
        wrong = [row for row in images if not 0 <= row < len(data.test)]
        if wrong:
            raise bad_parameter("images", f"from 0 to {len(data.test) - 1}", wrong[0])
        return np.array(images, dtype=np.int64), "images that were named"
    if most_different is not None:
        return differing(networks, at_least_one("most_different", most_different)), (
            f"the {most_different} test images on which the share of right runs differs most among variants"
        )
    each = at_least_one("per_class", 1 if per_class is None else per_class)
    few = per_class is None and len(data.classes) > FEW_CLASSES
    classes = range(FEW_CLASSES if few else len(data.classes))
    rows = first_of_each_class(data.test.labels, classes, each)
    by_class = rows[np.argsort(data.test.labels[rows], kind="stable")]
    count = f"the first {each} test images" if each > 1 else "the first test image"
    return by_class, f"{count} of each {f'of the first {FEW_CLASSES} classes' if few else 'class'}"


def at_least_one(name: str, value: int) -> int:
    """Return a number of images."""
    if value < 1:
        raise bad_parameter(name, "at least 1", value)
    return value


def differing(networks: Sequence[TrainedRun], count: int) -> npt.NDArray[np.int64]:
    """Return the images on which the variants differ most in the share of right runs; ties by place."""
    right: dict[str, list[npt.NDArray[np.bool_]]] = {}
    for network in networks:
        correct = read_arrays(network.folder / PREDICTIONS)["correct"]
        right.setdefault(network.name, []).append(correct)
    if len(right) < 2:
        raise UsageError("Images on which variants differ need runs of two variants at least.")
    shares = np.stack([np.mean(runs, axis=0) for runs in right.values()])  # (V, N)
    return np.argsort(-np.ptp(shares, axis=0), kind="stable")[:count]


def compute_gate_maps(
    network: TrainedRun, explanation: Explanation, *, most: int
) -> tuple[GateMap, ...]:
    """Return what the gates of one network say of the first images; nothing if it has none of ours."""
    model = network.load()
    if not has_gates(model):
        return ()
    return gate_maps(model, images_at(explanation.data, explanation.rows[:most]))
