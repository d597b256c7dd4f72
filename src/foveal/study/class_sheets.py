"""The mean map of each class, over images that every network gets right; from records alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from foveal.explanation.windows import Windows
from foveal.records.run import read_extras
from foveal.study.networks import Network

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class ClassSheets:
    """`maps` (L, H, W) by variant, for the classes `labels` (L,); `counts` (L,) images are behind each.

    `rows` are the places of those images in the test set, a list a class.
    """

    labels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    rows: list[npt.NDArray[np.int64]]
    maps: dict[str, Floats]
    window: tuple[int, int]
    stride: tuple[int, int]
    fill: str


def class_sheets(networks: Sequence[Network]) -> ClassSheets | None:
    """Return the sheets of networks whose runs left occlusion maps; None where one did not.

    The images are those of the fixed ones that all networks get right, so every mean is over the same;
    a variant's map is the mean over its seeds too. Classes without such an image are left out.
    """
    left = [read_extras(network.folder).get("occlusion") for network in networks]
    found = [one for one in left if one is not None]
    if len(found) < len(networks) or not same_images([one["images"] for one in found]):
        return None
    right = np.all([one["prediction"] == one["labels"] for one in found], axis=0)
    labels = found[0]["labels"]
    shown = np.unique(labels[right])
    members = [np.flatnonzero(right & (labels == k)) for k in shown]
    windows = windows_of(found[0])
    by_variant: dict[str, list[Floats]] = {}
    for network, one in zip(networks, found, strict=True):
        grids = (
            np.stack([one["drop"][rows].mean(0) for rows in members])
            if members
            else one["drop"][:0]
        )
        folded = windows.fold(torch.from_numpy(grids)).numpy()
        by_variant.setdefault(network.name, []).append(folded)
    return ClassSheets(
        labels=shown,
        counts=np.array([len(rows) for rows in members], dtype=np.int64),
        rows=[found[0]["images"][rows] for rows in members],
        maps={name: np.asarray(np.mean(each, axis=0)) for name, each in by_variant.items()},
        window=windows.window,
        stride=windows.stride,
        fill=str(found[0]["fill"]),
    )


def same_images(rows: Sequence[npt.NDArray[Any]]) -> bool:
    """Say whether all networks were asked about the same images."""
    return all(np.array_equal(one, rows[0]) for one in rows)


def windows_of(left: dict[str, Any] | Any) -> Windows:
    """Return the windows of a sweep that a run has left."""
    image, window, stride = (
        (int(left[name][0]), int(left[name][1])) for name in ("image_size", "window", "stride")
    )
    return Windows(image, window, stride, str(left["edge"]))
