"""Occlusion maps of variants, from the sweeps stored with the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from foveal.analysis.stored_extras import VariantExtra, group_comparable_extras
from foveal.overlap import average_windows
from foveal.records import Arrays
from foveal.variant_names import BASELINE

_FloatArray = npt.NDArray[np.floating[Any]]
_ARRAYS_EQUAL_IN_ALL_RUNS: Final = (
    "image_indices",
    "image_size",
    "window",
    "stride",
    "edge",
    "fill",
    "score",
)
"""Arrays that must be equal for runs to be compared."""
_MIN_NORM: Final = 1e-9
_IMAGES: Final = "shown_images"


@dataclass(frozen=True, eq=False)
class OcclusionRecords:
    """Occlusion sweeps over the same M images, a list of runs per variant.

    All means are over the runs of a variant.
    """

    runs: dict[str, list[Arrays]]

    @property
    def first_run(self) -> Arrays:
        """The arrays of the first run; what all runs share is read from it."""
        return next(iter(self.runs.values()))[0]

    @property
    def image_indices(self) -> npt.NDArray[np.int64]:
        """Indices of the images in the test set, (M,)."""
        return np.asarray(self.first_run["image_indices"])

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Labels of the images, (M,)."""
        return np.asarray(self.first_run["labels"])

    @property
    def shown_images(self) -> npt.NDArray[np.uint8]:
        """Pixels of the first images, (P, H, W, C), from a run that has stored them."""
        runs = [run for runs in self.runs.values() for run in runs if _IMAGES in run]
        return np.asarray(runs[0][_IMAGES])

    @property
    def fill(self) -> str:
        """The fill of the windows."""
        return str(self.first_run["fill"])

    @property
    def score(self) -> str:
        """The score whose drop is measured."""
        return str(self.first_run["score"])

    def get_size(self, name: str) -> tuple[int, int]:
        """Return `image_size`, `window` or `stride` as (vertical, horizontal) pixels."""
        return int(self.first_run[name][0]), int(self.first_run[name][1])

    def average_maps(self, variant: str, max_images: int | None = None) -> _FloatArray:
        """Return the mean map of each image, (M, H, W), or of the first `max_images`."""
        drops = [run["drop"][:max_images] for run in self.runs[variant]]
        return self.spread_over_pixels(np.mean(drops, axis=0))

    def compute_max_drops(self, variant: str) -> _FloatArray:
        """Return the largest drop in the mean map of each image, (M,)."""
        drops = np.mean([run["drop"] for run in self.runs[variant]], axis=0)
        return np.asarray(drops.reshape(len(drops), -1).max(1))

    def average_confidences(self, variant: str) -> _FloatArray:
        """Return the mean probability of the label of each image, (M,)."""
        return np.asarray(np.mean([run["confidence"] for run in self.runs[variant]], axis=0))

    def find_majority_predictions(self, variant: str) -> list[tuple[int, int]]:
        """Return for each image the class that most runs predict, and the number of these runs."""
        predictions = np.stack([run["predicted"] for run in self.runs[variant]]).astype(np.int64)
        votes = [np.bincount(classes) for classes in predictions.T]
        return [(int(counts.argmax()), int(counts.max())) for counts in votes]

    def spread_over_pixels(self, values: _FloatArray) -> _FloatArray:
        """Return per-window values (..., Py, Px) as per-pixel means over the windows, (..., H, W)."""
        starts = self.first_run["window_rows"].tolist(), self.first_run["window_columns"].tolist()
        return average_windows(
            values, starts, window=self.get_size("window"), image_size=self.get_size("image_size")
        )

    @cached_property
    def is_always_correct(self) -> npt.NDArray[np.bool_]:
        """True for each image that every run of every variant classifies correctly, (M,)."""
        runs = [run for runs in self.runs.values() for run in runs]
        return np.asarray(np.all([run["predicted"] == self.labels for run in runs], axis=0))


def collect_occlusion_records(extras: Sequence[VariantExtra]) -> OcclusionRecords | None:
    """Return the sweeps from the extra `occlusion` of each run.

    None if a run has not stored it, or was swept on other images or windows than the first run, or if no run
    has stored the images.
    """
    if not any(arrays is not None and _IMAGES in arrays for _, arrays in extras):
        return None
    groups = group_comparable_extras(extras, _ARRAYS_EQUAL_IN_ALL_RUNS)
    # Stored in half precision, in which means would be rounded again.
    single: dict[str, list[Arrays]] = {
        variant: [{**run, "drop": run["drop"].astype(np.float32)} for run in runs]
        for variant, runs in groups.items()
    }
    return OcclusionRecords(single) if single else None


@dataclass(frozen=True, eq=False)
class MeanClassMaps:
    """Mean occlusion map of each class, (L, H, W) by variant, for the classes `labels` (L,).

    `image_counts` (L,) are the numbers of images averaged, and `image_indices` their indices in the test
    set, one array per class.
    """

    labels: npt.NDArray[np.int64]
    image_counts: npt.NDArray[np.int64]
    image_indices: list[npt.NDArray[np.int64]]
    maps: dict[str, _FloatArray]
    window: tuple[int, int]
    stride: tuple[int, int]
    fill: str


def average_maps_by_class(records: OcclusionRecords) -> MeanClassMaps:
    """Return the mean map of each class over the images that every run classifies correctly.

    All means are therefore over the same images, and for each variant over its runs as well. Classes
    without such an image are left out.
    """
    labels = np.unique(records.labels[records.is_always_correct])
    members = [
        np.flatnonzero(records.is_always_correct & (records.labels == label)) for label in labels
    ]
    maps = {}
    for variant, runs in records.runs.items():
        drops = np.mean([run["drop"] for run in runs], axis=0)
        class_means = [drops[rows].mean(0) for rows in members]
        maps[variant] = records.spread_over_pixels(
            np.stack(class_means) if class_means else drops[:0]
        )
    return MeanClassMaps(
        labels=labels,
        image_counts=np.array([len(rows) for rows in members], dtype=np.int64),
        image_indices=[records.image_indices[rows] for rows in members],
        maps=maps,
        window=records.get_size("window"),
        stride=records.get_size("stride"),
        fill=records.fill,
    )


@dataclass(frozen=True)
class MapAgreement:
    """Mean correlations of occlusion maps: with the baseline, and between the runs of the variant itself."""

    with_baseline: float
    between_runs: float


def compare_maps(records: OcclusionRecords) -> dict[str, MapAgreement]:
    """Return how far the maps of each variant agree with those of the baseline, and with one another.

    Each is the mean over the images and over all pairs of different runs. Images with a flat map are left out,
    and so is a variant with one run.
    """
    if BASELINE not in records.runs:
        return {}
    scores = {name: _standardize_maps(runs) for name, runs in records.runs.items()}
    agreement = {}
    for name, maps in scores.items():
        own = _correlate(maps, maps)[~np.eye(len(maps), dtype=bool)]
        others = own if name == BASELINE else _correlate(maps, scores[BASELINE])
        if np.isfinite(own).any() and np.isfinite(others).any():
            agreement[name] = MapAgreement(float(np.nanmean(others)), float(np.nanmean(own)))
    return agreement


def _correlate(first: _FloatArray, second: _FloatArray) -> _FloatArray:
    """Return the correlations of standardized maps (R, M, P) and (S, M, P), (R, S, M)."""
    return np.asarray(np.einsum("rmp,smp->rsm", first, second))


def _standardize_maps(runs: Sequence[Arrays]) -> _FloatArray:
    """Return the maps of runs with mean 0 and norm 1, (R, M, P); NaN for a flat map."""
    maps = np.stack([run["drop"].reshape(len(run["drop"]), -1) for run in runs]).astype(float)
    maps -= maps.mean(axis=2, keepdims=True)
    norms = np.linalg.norm(maps, axis=2, keepdims=True)
    return np.asarray(maps / np.where(norms > _MIN_NORM, norms, np.nan))
