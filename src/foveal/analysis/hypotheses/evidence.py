"""Evidence for a hypothesis: the test images of a study, and the property of each image.

If cells of a study are `scenes` that differ in the property alone, its value is the option of the cell (a
sweep). Otherwise it is the value stored for each test image by the baseline runs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from foveal.analysis.hypotheses.claims import Hypothesis
from foveal.records import Arrays, Cell, StudyRecord
from foveal.variant_names import BASELINE, split_variant

Source = Literal["sweep", "mask", "occlusion", "pixels"]
FloatArray = npt.NDArray[np.float64]
_IntArray = npt.NDArray[np.int64]

_QUANTILES: Final = (0.1, 0.9)
"""Ends of the property between which a change is reported, as quantiles over images."""
DEFAULT_SCENE_OPTIONS: Final = {
    "size": 32, "object_size": 0.4, "color_variation": 0.5, "clutter": 0.5, "seed": 0,
}  # fmt: skip
"""Default options of `scenes`, duplicated from `foveal.data` to avoid torch; a test keeps them equal."""


@dataclass(frozen=True, eq=False)
class CellImages:
    """Images of one cell: `indices` (M,) in its test set, and the property of each, `values` (M,).

    Slopes are taken within a `group`: its cells differ in nothing but the property. `values_by_seed` has the
    values that the network of each seed measured, if the property depends on the network; `values` are then
    the mean over these seeds.
    """

    study: StudyRecord
    group: Hashable
    indices: _IntArray
    values: FloatArray
    values_by_seed: Mapping[int, FloatArray] = field(default_factory=dict)

    def has_values_from_other_seeds(self, seed: int) -> bool:
        """Return True if the property is known without the network of `seed`."""
        return not self.values_by_seed or bool(set(self.values_by_seed) - {seed})

    def average_other_seeds(self, seed: int) -> FloatArray:
        """Return the property of each image, (M,), as measured without the network of `seed`, if possible.

        A network that misses an object measures a wrong extent, and its mistake is part of the gain as well.
        """
        others = [values for other, values in self.values_by_seed.items() if other != seed]
        if not others or seed not in self.values_by_seed:
            return self.values
        return np.asarray(np.mean(others, axis=0))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Images on which a hypothesis is tested, and the ends of the property that a change refers to."""

    source: Source
    cells: tuple[CellImages, ...]
    low: float
    high: float


def find_evidence(study: StudyRecord, hypothesis: Hypothesis) -> Evidence | None:
    """Return the evidence of a sweep, otherwise that of stored properties, or None without either."""
    return _find_sweep(study, hypothesis) or _find_measured_images(study, hypothesis)


def _find_sweep(study: StudyRecord, hypothesis: Hypothesis) -> Evidence | None:
    """Return the cells that differ in the option of the hypothesis, grouped by all other options."""
    groups: dict[str, dict[float, StudyRecord]] = {}
    shared_options = study.design.shared_options
    for cell_study in study.split_by_cell():
        cell = cell_study.cell or Cell()
        config = {**shared_options, **cell.identity}
        options = _parse_scene_options(
            str(cell.options.get("data", shared_options.get("data", "")))
        )
        if options is not None:
            value = float(options.pop(hypothesis.option))
            config.pop("data_checksum", None)
            group = repr(sorted([*config.items(), *options.items()]))
            groups.setdefault(group, {})[value] = cell_study
    groups = {group: cells for group, cells in groups.items() if len(cells) > 1}
    if not groups:
        return None
    cells = []
    for group, studies in groups.items():
        for value, cell_study in studies.items():
            count = _count_test_images(cell_study)
            images = CellImages(cell_study, group, np.arange(count), np.full(count, value))
            cells.append(images)
    values = [value for studies in groups.values() for value in studies]
    return Evidence("sweep", tuple(cells), min(values), max(values))


def _parse_scene_options(data: str) -> dict[str, float] | None:
    """Return all options of the source `scenes`, defaults included, or None for another source.

    >>> _parse_scene_options("scenes:object_size=0.25")["object_size"], _parse_scene_options("cifar10")
    (0.25, None)
    """
    name, options = split_variant(data)
    if name != "scenes":
        return None
    return DEFAULT_SCENE_OPTIONS | {option: float(value) for option, value in options.items()}


def _count_test_images(study: StudyRecord) -> int:
    """Return the number of test images of a cell, 0 without a finished run."""
    return len(study.runs[0].predictions["correct"]) if study.runs else 0


def _find_measured_images(study: StudyRecord, hypothesis: Hypothesis) -> Evidence | None:
    """Return the images whose property the baseline runs of their cell have stored.

    A property measured with networks differs between runs.
    """
    cells: list[CellImages] = []
    extras: list[Arrays] = []
    for group, cell_study in enumerate(study.split_by_cell()):
        runs = [run for run in cell_study.get_runs(BASELINE) if "covariates" in run.extras]
        cell_extras = [run.extras["covariates"] for run in runs]
        if cell_extras:
            indices, measured = _align_covariates(cell_extras, hypothesis.covariate)
            is_finite = np.isfinite(measured).all(axis=0)
            indices, measured = indices[is_finite], measured[:, is_finite]
            is_by_network = _get_source(cell_extras, hypothesis) == "occlusion"
            seeds = [run.results["seed"] for run in runs] if is_by_network else []
            by_seed = dict(zip(seeds, measured, strict=False))
            cells.append(CellImages(cell_study, group, indices, measured.mean(axis=0), by_seed))
            extras += cell_extras
    values = np.concatenate([np.empty(0), *(cell.values for cell in cells)])
    if not values.size:
        return None
    low, high = np.quantile(values, _QUANTILES)
    return Evidence(_get_source(extras, hypothesis), tuple(cells), float(low), float(high))


def _align_covariates(extras: Sequence[Arrays], covariate: str) -> tuple[_IntArray, FloatArray]:
    """Return the indices (M,) of the images that all R runs have measured, and their values (R, M)."""
    indices = reduce(np.intersect1d, [arrays["image_indices"] for arrays in extras])
    measured = []
    for arrays in extras:
        order = np.argsort(arrays["image_indices"])
        positions = order[np.searchsorted(arrays["image_indices"], indices, sorter=order)]
        measured.append(np.asarray(arrays[covariate], dtype=np.float64)[positions])
    return indices, np.stack(measured)


def _get_source(extras: Sequence[Arrays], hypothesis: Hypothesis) -> Source:
    """Return the source of a property: pixels for colors, masks or occlusion for an extent."""
    if hypothesis.covariate != "extent":
        return "pixels"
    return (
        "mask" if all(str(arrays["extent_source"]) == "mask" for arrays in extras) else "occlusion"
    )
