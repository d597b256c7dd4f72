"""Records of studies that were never run, in which the truth about a hypothesis is known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.analysis.hypotheses import HypothesisResult, check_hypotheses
from foveal.records import (
    Cell,
    Design,
    RunRecord,
    StudyRecord,
    write_design,
    write_extra,
    write_run,
)
from foveal.records.run import write_config
from foveal.study.run_list import make_run_config, name_run

IMAGES = 1000
SIZES = 0.25, 0.4, 0.55
Arrays = dict[str, npt.NDArray[Any]]


def probabilities(
    generator: np.random.Generator, extent: npt.NDArray[np.float64], slopes: Mapping[str, float]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return how often each variant gets each image right: its gain over `none` has that slope."""
    easy = generator.uniform(0.35, 0.65, extent.shape)
    gains = {v: 0.05 + slope * (extent - extent.mean()) for v, slope in slopes.items()}
    return {"none": easy} | {v: easy + gain for v, gain in gains.items()}


def simulated(
    slopes: Mapping[str, float],
    *,
    seeds: int = 3,
    planned: int = 3,
    sweep: Sequence[float] = (),
    option: str = "object_size",
    others: Sequence[str] = ("",),
    source: str = "mask",
    number: int = 0,
) -> StudyRecord:
    """Return the record of a study without files, of one cell or of one for each value of the sweep.

    In one cell, measure_extents lie uniformly within 0 and 0.4, and colorfulness is 100 of them. The sweep is
    repeated with each of the `others` as further options, and each next one is good for 0.1 of gain.
    """
    generator = np.random.default_rng(number)
    extent = generator.uniform(0, 0.4, IMAGES)
    data = [(value, place, other) for place, other in enumerate(others) for value in sweep]
    swept = [
        (Cell({"data": (text := f"scenes:{option}={value}{other}"), "data_checksum": text}),
         value - float(np.mean(sweep)), 0.1 * place)
        for value, place, other in data
    ]  # fmt: skip
    cells = swept or [(Cell(), 0.0, 0.0)]
    setting = {"data": "scenes", "model": "convnet"}
    only = tuple(cell for cell, _, _ in cells)
    design = Design(setting, ("none", *slopes), seeds, planned, 0.5, 0.5, only)
    right = probabilities(generator, np.zeros(IMAGES) if sweep else extent, slopes)
    covariates: Arrays = {
        "image_indices": np.arange(IMAGES),
        "extent": extent.astype(np.float32),
        "colorfulness": (100 * extent).astype(np.float32),
        "extent_source": np.array(source),
    }
    runs = []
    for (cell, away, bonus), variant, seed in product(cells, design.variants, range(seeds)):
        shift = slopes[variant] * away + bonus if variant in slopes else 0.0
        better = right[variant] + shift + generator.normal(scale=0.002)
        predictions: Arrays = {"correct": generator.random(IMAGES) < better}
        extras = {"covariates": covariates} if variant == "none" else {}
        config = {**design.get_config(cell, variant), "seed": seed}
        results = {"variant": variant, "seed": seed, "data": "scenes"}
        runs.append(RunRecord(Path("run"), config, {}, {}, results, predictions, {}, extras))
    return StudyRecord(Path("study"), design, tuple(runs))


def written(folder: Path, record: StudyRecord) -> Path:
    """Write a simulated study as a real one lies on disk."""
    folder.mkdir()
    write_design(folder, record.design)
    for run in record.runs:
        cell = record.design.find_cell(run.config)
        assert cell is not None
        variant, seed = run.config["attention"], run.config["seed"]
        path = folder / "runs" / name_run(make_run_config(record.design, cell, variant, seed))
        path.mkdir(parents=True)
        write_config(path, run.config)
        for name, arrays in run.extras.items():
            write_extra(path, name, arrays)
        accuracy = float(run.predictions["correct"].mean())
        results = {
            "test_accuracy": accuracy, "test_loss": 1.0, "top5_accuracy": None, "train_accuracy": accuracy,
            "train_loss": 1.0, "calibration_error": 0.0, "parameters": 10, "epochs": 1,
            "classes": ["a", "b"], "data_checksum": "0", "seconds": 1.0, "images_per_second": 1.0,
        }  # fmt: skip
        write_run(
            path,
            environment={"date": "2024-01-01"},
            metrics=[{"epoch": 1.0}],
            results={**results, **run.results},
            predictions=run.predictions,
            training_batch={"images": np.zeros((1, 4, 5, 3), np.uint8)},
        )
    return folder


def small_objects(record: StudyRecord) -> HypothesisResult:
    """Return what a record says of spatial attention and small objects."""
    found, _ = check_hypotheses(record)
    return found


def without(record: StudyRecord, *left_out: tuple[str, int]) -> StudyRecord:
    """Return a record as if those variants and seeds were not finished."""
    runs = [r for r in record.runs if (r.results["variant"], r.results["seed"]) not in left_out]
    return replace(record, runs=tuple(runs))
