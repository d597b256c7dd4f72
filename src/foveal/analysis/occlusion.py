"""Where the networks of variants look, out of what their runs left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.overlap import average_windows
from foveal.records.run import Arrays

Floats = npt.NDArray[np.floating[Any]]
SHARED = ("images", "image_size", "window", "stride", "edge", "fill", "score")


@dataclass(frozen=True, eq=False)
class OcclusionRecords:
    """What hiding windows of the same M images did to the networks of each variant, a run each.

    All means are over the runs of a variant.
    """

    runs: dict[str, list[Arrays]]

    @property
    def first(self) -> Arrays:
        """The first run: what all share is as it says."""
        return next(iter(self.runs.values()))[0]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Places of the images in the test set, (M,)."""
        return np.asarray(self.first["images"])

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Their classes, (M,)."""
        return np.asarray(self.first["labels"])

    @property
    def pictures(self) -> npt.NDArray[np.uint8]:
        """The first of the images, (P, H, W, C)."""
        return np.asarray(self.first["pictures"])

    @property
    def fill(self) -> str:
        """What hides."""
        return str(self.first["fill"])

    @property
    def score(self) -> str:
        """What is seen to fall."""
        return str(self.first["score"])

    def size(self, name: str) -> tuple[int, int]:
        """Return `image_size`, `window` or `stride`, (vertical, horizontal)."""
        return int(self.first[name][0]), int(self.first[name][1])

    def maps(self, variant: str, most: int | None = None) -> Floats:
        """Return the mean map of each image, (M, H, W), or of the first `most`."""
        return self.folded(np.mean([one["drop"][:most] for one in self.runs[variant]], axis=0))

    def falls(self, variant: str) -> Floats:
        """Return the largest drop of the mean map of each image, (M,)."""
        grid = np.mean([one["drop"] for one in self.runs[variant]], axis=0)
        return np.asarray(grid.reshape(len(grid), -1).max(1))

    def sureness(self, variant: str) -> Floats:
        """Return the mean probability of the images' own class, (M,)."""
        return np.asarray(np.mean([one["probability"] for one in self.runs[variant]], axis=0))

    def guesses(self, variant: str) -> list[tuple[int, int]]:
        """Return for each image the class that most runs predict, and how many do."""
        each = np.stack([one["prediction"] for one in self.runs[variant]]).astype(np.int64)
        counts = [np.bincount(own) for own in each.T]
        return [(int(own.argmax()), int(own.max())) for own in counts]

    def folded(self, grid: Floats) -> Floats:
        """Spread values of windows (..., Py, Px) over pixels, (..., H, W)."""
        starts = self.first["starts_down"].tolist(), self.first["starts_across"].tolist()
        return average_windows(
            grid, starts, window=self.size("window"), image_size=self.size("image_size")
        )

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Which images every run gets right, (M,)."""
        every = [one for runs in self.runs.values() for one in runs]
        return np.asarray(np.all([one["prediction"] == self.labels for one in every], axis=0))


def collect_occlusion_records(left: Sequence[tuple[str, Arrays | None]]) -> OcclusionRecords | None:
    """Return the sweeps of what runs left, each beside the name of its variant.

    None where a run left nothing, not all that is needed now, or was asked about other images or
    windows than the first.
    """
    found = [(name, arrays) for name, arrays in left if arrays and "starts_down" in arrays]
    if not found or len(found) < len(left):
        return None
    first = found[0][1]
    if not all(np.array_equal(one[name], first[name]) for _, one in found for name in SHARED):
        return None
    runs: dict[str, list[Arrays]] = {}
    for name, arrays in found:
        runs.setdefault(name, []).append(arrays)
    return OcclusionRecords(runs)


@dataclass(frozen=True, eq=False)
class MeanClassMaps:
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


def average_maps_by_class(sweeps: OcclusionRecords) -> MeanClassMaps:
    """Return the mean map of each class, over its images that every run gets right.

    So every mean is over the same images; a variant's map is the mean over its runs too. Classes
    without such an image are left out.
    """
    shown = np.unique(sweeps.labels[sweeps.right])
    members = [np.flatnonzero(sweeps.right & (sweeps.labels == k)) for k in shown]
    maps = {}
    for variant, runs in sweeps.runs.items():
        grid = np.mean([one["drop"] for one in runs], axis=0)
        each = [grid[rows].mean(0) for rows in members]
        maps[variant] = sweeps.folded(np.stack(each) if each else grid[:0])
    return MeanClassMaps(
        labels=shown,
        counts=np.array([len(rows) for rows in members], dtype=np.int64),
        rows=[sweeps.rows[rows] for rows in members],
        maps=maps,
        window=sweeps.size("window"),
        stride=sweeps.size("stride"),
        fill=sweeps.fill,
    )
