"""The images of a study that a hypothesis is tested on, and the property that each of them has.

Where cells of a study are `scenes` that differ in that property alone, it is theirs; else it is that of the
images as they are, which the runs of `none` have left.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import numpy.typing as npt

from foveal.analysis.hypotheses.claims import Hypothesis
from foveal.records import Cell, StudyRecord
from foveal.records.run import Arrays
from foveal.variant_names import BASELINE

Source = Literal["sweep", "mask", "occlusion", "pixels"]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SPAN = 0.1, 0.9  # quantiles of the images between which a change is told
# What `scenes` are where an option is left out; told again here, since the data's own room needs torch.
SCENES = {"size": 32, "object_size": 0.4, "color_variation": 0.5, "clutter": 0.5, "seed": 0}


@dataclass(frozen=True, eq=False)
class Place:
    """Images of one cell: `rows` (M,) of its test set, and their property, `values` (M,).

    Slopes are taken within a `group` of places, which differ in nothing but the property.
    """

    part: StudyRecord
    group: Hashable
    rows: IntArray
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """The images that a hypothesis is tested on, and the ends between which a change is told."""

    source: Source
    places: tuple[Place, ...]
    low: float
    high: float


def evidence_for(record: StudyRecord, hypothesis: Hypothesis) -> Evidence | None:
    """Return the cells of a sweep, else the images as they are; None where neither has the property."""
    return swept(record, hypothesis) or observed(record, hypothesis)


def swept(record: StudyRecord, hypothesis: Hypothesis) -> Evidence | None:
    """Return the cells that differ in the option of the hypothesis, by groups that share all else."""
    groups: dict[str, dict[float, StudyRecord]] = {}
    for part in record.parts():
        config = {**record.design.setting, **(part.cell or Cell()).decisive}
        data = (part.cell or Cell()).values.get("data", record.design.setting.get("data", ""))
        options = scene_options(str(data))
        if options is not None:
            value = float(options.pop(hypothesis.option))
            config.pop("data_checksum", None)
            rest = repr(sorted([*config.items(), *options.items()]))
            groups.setdefault(rest, {})[value] = part
    groups = {group: parts for group, parts in groups.items() if len(parts) > 1}
    if not groups:
        return None
    places = [
        Place(part, group, rows := np.arange(images_tested(part)), np.full(len(rows), value))
        for group, parts in groups.items()
        for value, part in parts.items()
    ]
    values = [value for parts in groups.values() for value in parts]
    return Evidence("sweep", tuple(places), min(values), max(values))


def scene_options(data: str) -> dict[str, float] | None:
    """Return the options of the source `scenes`, those left out too; None for another source.

    >>> scene_options("scenes:object_size=0.25")["object_size"], scene_options("cifar10")
    (0.25, None)
    """
    name, *parts = data.split(":")
    if name != "scenes":
        return None
    given = (part.partition("=") for part in parts)
    return SCENES | {option: float(value) for option, _, value in given}


def images_tested(part: StudyRecord) -> int:
    """Return how many test images the runs of a cell were tested on; 0 before the first is finished."""
    return len(part.runs[0].predictions["correct"]) if part.runs else 0


def observed(record: StudyRecord, hypothesis: Hypothesis) -> Evidence | None:
    """Return in each cell the images of which the runs of `none` there have left the property.

    What was measured on networks differs from run to run, and is averaged over them.
    """
    places, left = [], []
    for group, part in enumerate(record.parts()):
        runs = part.runs_of(BASELINE)
        mine = [run.extras["covariates"] for run in runs if "covariates" in run.extras]
        if mine:
            rows, values = averaged(mine, hypothesis.covariate)
            known = np.isfinite(values)
            places.append(Place(part, group, rows[known], values[known]))
            left += mine
    values = np.concatenate([np.empty(0), *(place.values for place in places)])
    if not values.size:
        return None
    low, high = np.quantile(values, SPAN)
    return Evidence(source_of(left, hypothesis), tuple(places), float(low), float(high))


def averaged(left: Sequence[Arrays], covariate: str) -> tuple[IntArray, FloatArray]:
    """Return the rows of the test set that all runs have measured, and the mean over the runs there."""
    rows = reduce(np.intersect1d, [one["images"] for one in left])
    found = []
    for one in left:
        order = np.argsort(one["images"])
        at = order[np.searchsorted(one["images"], rows, sorter=order)]
        found.append(np.asarray(one[covariate], dtype=np.float64)[at])
    return rows, np.mean(found, axis=0)


def source_of(left: Sequence[Arrays], hypothesis: Hypothesis) -> Source:
    """Say where the property comes from: colors from the pixels, an extent from masks or occlusion."""
    if hypothesis.covariate != "extent":
        return "pixels"
    return "mask" if all(str(one["extent_source"]) == "mask" for one in left) else "occlusion"
