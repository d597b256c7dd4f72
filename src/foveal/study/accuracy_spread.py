"""Standard deviation of test accuracy from run to run, for a plan: from an earlier study, or from a table."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from foveal.errors import UsageError
from foveal.records import StudyRecord, read_study
from foveal.records.design import CHECKSUM_OPTIONS
from foveal.stats import estimate_sd
from foveal.study.config import DataConfig, SharedConfig, list_differences
from foveal.text_format import format_count
from foveal.training import Recipe

_MIN_RUNS: Final = 2
"""Runs of a variant that have a standard deviation."""
_LEVEL: Final = 0.9
"""Level of the interval of a deviation that is estimated from runs."""


class AccuracySpread(NamedTuple):
    """Standard deviation of test accuracy from run to run, in points: an estimate, its range, its source.

    `level` is that of the range if it is a confidence interval, otherwise None.
    """

    sd: float
    low: float
    high: float
    source: str
    level: float | None = None


class _Measured(NamedTuple):
    """Smallest and largest measured deviation, in points, of trainings that show so many images in total.

    `data` and `model` are parts of names; an empty `data` stands for all.
    """

    data: str
    model: str
    shown_images: int
    low: float
    high: float


_MEASURED: Final = (
    # A demo of 2,300 images of 32 px, 3 epochs.
    _Measured("scenes", "convnet", 6_900, 3.0, 6.0),
    # Scenes of 16 px with large objects: 4,000 images, 4 and 8 epochs.
    _Measured("scenes", "convnet", 16_000, 0.3, 1.0),
    _Measured("scenes", "convnet", 32_000, 0.1, 0.1),
    # 5,000 images, 2 epochs, 40 runs of none: benchmarks/results/convnet-cifar10-short-runs.csv.
    _Measured("cifar10", "convnet", 10_000, 2.1, 2.1),
    # 5,000 images, 3 epochs, five variants.
    _Measured("cifar10", "convnet", 15_000, 0.57, 2.2),
    # 10,000 images, 4 epochs: the study in README.
    _Measured("cifar10", "convnet", 40_000, 1.5, 1.5),
    # 20,000 images, 3 epochs: benchmarks/results/train.json.
    _Measured("cifar10", "convnet", 60_000, 0.6, 0.65),
    # All images, 10 epochs and fewer, as others report for small networks.
    _Measured("", "convnet", 500_000, 0.3, 0.5),
    # ResNets with a usual recipe, as others report: 4, 16 and 64 epochs of CIFAR-10, 200 of CIFAR-100.
    _Measured("cifar10", "resnet", 200_000, 0.56, 0.56),
    _Measured("cifar10", "resnet", 800_000, 0.19, 0.19),
    _Measured("cifar10", "resnet", 3_200_000, 0.15, 0.15),
    _Measured("cifar100", "resnet", 10_000_000, 0.25, 0.3),
)


def look_up_spread(data: str, model: str, shown_images: int) -> AccuracySpread:
    """Return the spread of similar trainings: the next shorter and the next longer measured ones.

    Without a measurement of this network on these images that is as short, other data count as well, then
    other networks. The estimate is the geometric mean of the ends of the range.

    Args:
        data: data set, as in a config.
        model: network, as in a config.
        shown_images: number of training images times epochs.

    >>> look_up_spread("scenes", "convnet", 20_000)[1:3], look_up_spread("photos", "convnet", 20_000)[1:3]
    ((0.1, 1.0), (0.1, 2.2))
    """
    of_model = [row for row in _MEASURED if row.model in model]
    of_data = [row for row in of_model if re.search(rf"{row.data}(?!\d)", data)]
    choices = [_select_neighbors(rows, shown_images) for rows in (of_data, of_model, _MEASURED)]
    chosen = next((rows for rows in choices if rows), [])
    if not chosen:  # shorter than everything measured
        shortest = min(row.shown_images for row in of_data or of_model or _MEASURED)
        chosen = [row for row in _MEASURED if row.shown_images == shortest]
    low, high = min(row.low for row in chosen), max(row.high for row in chosen)
    shown = sorted({row.shown_images for row in chosen})
    lengths = f"{shown[0]:,}" if len(shown) == 1 else f"{shown[0]:,} to {shown[-1]:,}"
    source = (
        f"a table of trainings that show {lengths} images in all epochs; this one shows {shown_images:,}; "
        "--pilot 4 measures it"
    )
    return AccuracySpread(math.sqrt(low * high), low, high, source)


def _select_neighbors(rows: Sequence[_Measured], shown_images: int) -> list[_Measured]:
    """Return the next shorter and the next longer rows of each data set with a shorter one."""
    chosen = []
    for data in dict.fromkeys(row.data for row in rows if row.data) or [""]:
        of_data = [row for row in rows if row.data in (data, "")]
        shorter = [row.shown_images for row in of_data if row.shown_images <= shown_images]
        longer = [row.shown_images for row in of_data if row.shown_images > shown_images]
        if shorter:
            neighbors = {max(shorter), *([min(longer)] if longer else [])}
            chosen += [row for row in of_data if row.shown_images in neighbors]
    return chosen


def measure_spread(folder: Path, config: SharedConfig) -> AccuracySpread:
    """Return the spread in an earlier study of the same data and network, over all its variants.

    The range is the 90 % interval of `estimate_sd`. Options of images and training in which the study differs
    are part of the source.

    Raises:
        UsageError: `folder` is not a study, or has no variant with two finished runs on this data and network.
    """
    study = read_study(folder)
    matching = [cell for cell in study.split_by_cell() if _is_same_task(_get_config(cell), config)]
    samples = [
        [100 * run.results["test_accuracy"] for run in runs]
        for cell in matching
        for variant in cell.variants
        if len(runs := cell.get_runs(variant)) >= _MIN_RUNS
    ]
    if not samples:
        raise UsageError(
            f"{folder} has no variant with {_MIN_RUNS} finished runs of {config.model} on {config.data}. "
            "Name another study, or measure with --pilot 4."
        )
    estimate = estimate_sd(samples, level=_LEVEL)
    count = format_count(sum(len(sample) for sample in samples), "run")
    source = f"{count} of {format_count(len(samples), 'variant')} in {folder}"
    differences = _list_task_differences(_get_config(matching[0]), config)
    if differences:
        source += f", where {'; '.join(differences)}"
    return AccuracySpread(estimate.sd, estimate.low, estimate.high, source, _LEVEL)


def _get_config(cell: StudyRecord) -> dict[str, Any]:
    """Return the options that the runs of a cell share."""
    return {**cell.design.shared_options, **(cell.cell.options if cell.cell else {})}


def _is_same_task(stored: dict[str, Any], config: SharedConfig) -> bool:
    """Return True if a stored config has the same network and data source, whatever the options of the data."""
    names = [_get_data_name(data) for data in (stored["data"], config.data)]
    return stored["model"] == config.model and names[0] == names[1]


def _get_data_name(data: str) -> str:
    """Return the name of a data source: of a folder without its parents, of others without options.

    >>> _get_data_name("scenes:clutter=0"), _get_data_name("/images/cifar10"), _get_data_name("hf:a/b")
    ('scenes', 'cifar10', 'hf:a/b')
    """
    if data.startswith("hf:"):
        return data
    return data.partition(":")[0] if ":" in data else PurePath(data).name


def _list_task_differences(stored: dict[str, Any], config: SharedConfig) -> list[str]:
    """Return the options of images and training in which a stored config differs."""
    names = [*DataConfig.model_fields, *Recipe.model_fields]
    requested = config.model_dump(exclude_none=True)
    both = [
        {name: options[name] for name in names if name in options and name not in CHECKSUM_OPTIONS}
        for options in (stored, requested)
    ]
    differences = list_differences(*both)
    if _get_data_options(stored["data"]) != _get_data_options(config.data):
        differences.insert(0, f"data is {stored['data']} there and {config.data} here")
    return differences


def _get_data_options(data: str) -> str:
    """Return the options of a data source as text; a folder has none."""
    return "" if data.startswith("hf:") else data.partition(":")[2]
