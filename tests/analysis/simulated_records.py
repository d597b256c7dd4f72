"""Simulated studies: records without training, in which the truth about a hypothesis is known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foveal.analysis import HypothesisResult, check_hypotheses
from foveal.records import (
    Arrays,
    Cell,
    Design,
    RunRecord,
    StudyRecord,
    write_design,
    write_extra,
    write_run,
)
from foveal.records.run import write_config
from foveal.study.run_list import list_runs

IMAGES = 1000
SIZES = 0.25, 0.4, 0.55
FloatArray = npt.NDArray[np.float64]


def simulate_probabilities(
    generator: np.random.Generator, extent: FloatArray, slopes: Mapping[str, float]
) -> dict[str, FloatArray]:
    """Return the probability that each variant classifies each image correctly.

    The gain over the baseline has the slope of the variant.
    """
    baseline = generator.uniform(0.35, 0.65, extent.shape)
    gains = {v: 0.05 + slope * (extent - extent.mean()) for v, slope in slopes.items()}
    return {"none": baseline} | {variant: baseline + gain for variant, gain in gains.items()}


def simulate_study(
    slopes: Mapping[str, float],
    *,
    seeds: int = 3,
    planned_seeds: int = 3,
    sweep: Sequence[float] = (),
    option: str = "object_size",
    other_options: Sequence[str] = ("",),
    source: str = "mask",
    random_seed: int = 0,
) -> StudyRecord:
    """Return the record of a study without files, with one cell or a cell per value of the sweep.

    In one cell, extents are uniform within 0 and 0.4, and colorfulness is 100 times the extent. The sweep is
    repeated with each of the `other_options`; each next one increases the gain by 0.1.
    """
    generator = np.random.default_rng(random_seed)
    extent = generator.uniform(0, 0.4, IMAGES)
    cells = [(Cell(), 0.0, 0.0)]
    if sweep:
        cells = []
        for number, other in enumerate(other_options):
            for value in sweep:
                data = f"scenes:{option}={value}{other}"
                cell = Cell({"data": data, "data_checksum": data})
                cells.append((cell, value - float(np.mean(sweep)), 0.1 * number))
    design = Design(
        {"data": "scenes", "model": "convnet"},
        ("none", *slopes),
        seeds,
        planned_seeds,
        0.5,
        0.5,
        tuple(cell for cell, _, _ in cells),
    )
    probabilities = simulate_probabilities(generator, np.zeros(IMAGES) if sweep else extent, slopes)
    covariates: Arrays = {
        "image_indices": np.arange(IMAGES),
        "extent": extent.astype(np.float32),
        "colorfulness": (100 * extent).astype(np.float32),
        "extent_source": np.array(source),
    }
    runs = []
    for (cell, offset, bonus), variant, seed in product(cells, design.variants, range(seeds)):
        shift = slopes[variant] * offset + bonus if variant in slopes else 0.0
        run_probabilities = probabilities[variant] + shift + generator.normal(scale=0.002)
        predictions: Arrays = {"correct": generator.random(IMAGES) < run_probabilities}
        extras = {"covariates": covariates} if variant == "none" else {}
        config = {**design.get_config(cell, variant), "seed": seed}
        results = {"variant": variant, "seed": seed, "data": "scenes"}
        runs.append(RunRecord(Path("run"), config, {}, {}, results, predictions, {}, extras))
    return StudyRecord(Path("study"), design, tuple(runs))


def write_study(folder: Path, study: StudyRecord) -> Path:
    """Write the files of a simulated study, and return its folder."""
    folder.mkdir()
    write_design(folder, study.design)
    folders = {
        (str(run.config.data), run.config.attention, run.config.seed): run.folder
        for run in list_runs(study.design, folder)
    }
    for run in study.runs:
        path = folders[run.config["data"], run.config["attention"], run.config["seed"]]
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
            metrics=[{"epoch": 1.0, "time_seconds": 1.0}],
            results={**results, **run.results},
            predictions=run.predictions,
            training_batch={"images": np.zeros((1, 4, 5, 3), np.uint8)},
        )
    return folder


def check_small_objects(study: StudyRecord) -> HypothesisResult:
    """Return the result for spatial attention and small objects."""
    result, _ = check_hypotheses(study)
    return result


def remove_runs(study: StudyRecord, *runs: tuple[str, int]) -> StudyRecord:
    """Return a study without the runs of these variants and seeds."""
    kept = [run for run in study.runs if (run.results["variant"], run.results["seed"]) not in runs]
    return replace(study, runs=tuple(kept))
