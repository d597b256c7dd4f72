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
from foveal.explanation import GateMap, OcclusionResult, gate_maps, occlusion_sensitivity
from foveal.records.run import read_arrays
from foveal.records.schema import PREDICTIONS
from foveal.study.fixed_images import first_of_each_class
from foveal.study.networks import Network
from foveal.study.seen import images_at

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What was asked, and what each network said.

    `rows` (N,) are places in the test set, chosen by `rule`; `result` holds the sweep of every network,
    under the name `variant seed 0`; `names` has those of each variant.
    """

    data: ImageData
    rows: npt.NDArray[np.int64]
    rule: str
    result: OcclusionResult
    names: dict[str, list[str]]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The true classes, (N,)."""
        return self.data.test.labels[self.rows]

    @property
    def pictures(self) -> Floats:
        """The images, (N, H, W, C) in [0, 1]."""
        return np.asarray(self.data.test.images[self.rows]) / 255

    def mean(self, variant: str, of: Callable[[str], torch.Tensor]) -> Floats:
        """Return the mean over the seeds of a variant of what is known of each network."""
        each = torch.stack([of(name).double() for name in self.names[variant]])
        return np.asarray(each.mean(0).numpy())

    def maps(self, variant: str) -> Floats:
        """Return the mean map of a variant, (N, H, W)."""
        return self.mean(variant, lambda name: self.result.map(name))

    def votes(self, variant: str) -> npt.NDArray[np.int64]:
        """Return how many seeds of a variant predict each class, (N, K)."""
        classes = len(self.data.classes)
        each = [self.result.probabilities(name).argmax(1).numpy() for name in self.names[variant]]
        return sum(
            (np.eye(classes, dtype=np.int64)[one] for one in each),
            np.zeros((len(self.rows), classes), np.int64),
        )


def explain(
    networks: Sequence[Network],
    data: ImageData,
    rows: npt.NDArray[np.int64],
    *,
    rule: str,
    advance: Callable[[Network], None] = lambda _: None,
    **options: Any,
) -> Explanation:
    """Sweep the images `rows` of the test set with each network; `options` are those of the sweep."""
    images, labels = images_at(data, rows), torch.from_numpy(data.test.labels[rows])
    logits: dict[str, torch.Tensor] = {}
    names: dict[str, list[str]] = {}
    for network in networks:
        name = f"{network.name} seed {network.seed}"
        result = occlusion_sensitivity(
            {name: network.load()}, images, labels, normalization=(data.mean, data.std), **options
        )
        logits |= result.logits
        names.setdefault(network.name, []).append(name)
        advance(network)
    return Explanation(data, rows, rule, replace(result, logits=logits), names)


def chosen_rows(
    data: ImageData,
    networks: Sequence[Network],
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
        per_class: the first so many of each class; 1 if nothing is asked for.
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
    rows = first_of_each_class(data.test.labels, range(len(data.classes)), each)
    by_class = rows[np.argsort(data.test.labels[rows], kind="stable")]
    return by_class, f"the first {each} test images of each class" if each > 1 else (
        "the first test image of each class"
    )


def at_least_one(name: str, value: int) -> int:
    """Return a number of images."""
    if value < 1:
        raise bad_parameter(name, "at least 1", value)
    return value


def differing(networks: Sequence[Network], count: int) -> npt.NDArray[np.int64]:
    """Return the images on which the variants differ most in the share of right runs; ties by place."""
    right: dict[str, list[npt.NDArray[np.bool_]]] = {}
    for network in networks:
        correct = read_arrays(network.folder / PREDICTIONS)["correct"]
        right.setdefault(network.name, []).append(correct)
    if len(right) < 2:
        raise UsageError("Images on which variants differ need runs of two variants at least.")
    shares = np.stack([np.mean(runs, axis=0) for runs in right.values()])  # (V, N)
    return np.argsort(-np.ptp(shares, axis=0), kind="stable")[:count]


def gates_of(network: Network, explanation: Explanation, *, most: int) -> tuple[GateMap, ...]:
    """Return what the gates of one network say of the first images of an explanation."""
    return gate_maps(network.load(), images_at(explanation.data, explanation.rows[:most]))
