"""Which images a hypothesis is tested on, and what is held against what among them."""

import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulated_records import IMAGES, SIZES, simulated, small_objects
from foveal.analysis.hypotheses import check_hypotheses
from foveal.analysis.hypotheses.evidence import DEFAULT_SCENE_OPTIONS
from foveal.data import generate_scenes
from foveal.records import StudyRecord


def test_an_extent_by_occlusion_is_averaged_over_the_runs_that_measured_it() -> None:
    """Each run has its own images in its own order, and one image that it could not measure."""
    record = simulated({"spatial": -0.6}, seeds=3, source="occlusion")
    truth = record.runs[0].extras["covariates"]["extent"]
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=0.1, size=(3, IMAGES)).astype(np.float32)
    noise -= noise.mean(axis=0)
    noise[1, 7] = np.nan
    runs = []
    for run in record.runs:
        if run.results["variant"] == "none":
            seed = run.results["seed"]
            rows = generator.permutation(np.arange(seed, 500))
            covariates = {**run.extras["covariates"], "image_indices": rows}
            covariates |= {"extent": (truth + noise[seed])[rows], "colorfulness": truth[rows]}
            run = replace(run, extras={"covariates": covariates})
        runs.append(run)
    found = small_objects(replace(record, runs=tuple(runs)))
    (mine,) = found.effects
    assert (found.source, mine.images) == ("occlusion", 497)
    rows = np.delete(np.arange(2, 500), 5)
    gains = np.mean(record.correctness["spatial"], 0) - np.mean(record.correctness["none"], 0)
    slope = np.polyfit(truth[rows].astype(float), gains[rows], 1)[0]
    low, high = np.quantile(truth[rows], [0.1, 0.9])
    assert mine.change == pytest.approx(slope * (high - low), rel=1e-4)


def test_cells_that_differ_in_more_are_groups_of_their_own() -> None:
    """The variant gains more where there is more clutter, and there are no small objects there."""
    others = ":clutter=0.2", ":clutter=0.8"
    both = simulated({"spatial": -0.6}, sweep=SIZES, others=others, seeds=4)
    uneven = with_cells(both, lambda data: data != "scenes:object_size=0.25:clutter=0.8")
    assert len(uneven.design.cells) == 5
    (mine,) = small_objects(uneven).effects
    assert "within 2 settings" in small_objects(uneven).reason
    slopes, squares = [], []
    for other in others:
        (alone,) = small_objects(with_cells(uneven, ending(other))).effects
        sizes = SIZES if other == others[0] else SIZES[1:]
        slopes.append(alone.change / (sizes[-1] - sizes[0]))
        squares.append(len(sizes) * np.var(sizes))
    assert mine.change == pytest.approx(0.3 * np.average(slopes, weights=squares))
    pooled = [
        part.correctness["spatial"].mean() - part.correctness["none"].mean()
        for part in uneven.split_by_cell()
    ]
    over_all = 0.3 * np.polyfit([*SIZES, *SIZES[1:]], pooled, 1)[0]
    assert mine.change < over_all - 0.03


def ending(text: str) -> Callable[[str], bool]:
    return lambda data: data.endswith(text)


def with_cells(record: StudyRecord, wanted: Callable[[str], bool]) -> StudyRecord:
    cells = tuple(cell for cell in record.design.cells if wanted(cell.options["data"]))
    runs = tuple(run for run in record.runs if wanted(run.config["data"]))
    return replace(record, design=replace(record.design, cells=cells), runs=runs)


def test_a_sweep_of_one_property_is_no_sweep_of_the_other() -> None:
    small, colors = check_hypotheses(simulated({"spatial": -0.6, "channel": 0.6}, sweep=SIZES))
    assert (small.source, colors.source) == ("sweep", "pixels")
    assert "within 3 settings" in colors.reason


def test_a_property_without_variation_has_no_slope() -> None:
    record = simulated({"channel": 0.1})
    runs = []
    for run in record.runs:
        if run.extras:
            gray = {**run.extras["covariates"], "colorfulness": np.zeros(IMAGES, np.float32)}
            run = replace(run, extras={"covariates": gray})
        runs.append(run)
    _, colors = check_hypotheses(replace(record, runs=tuple(runs)))
    assert colors.answer is None
    assert colors.reason.startswith("colorfulness hardly differs between these images: sweep it")


def test_scenes_are_by_default_what_the_data_say() -> None:
    parameters = inspect.signature(generate_scenes).parameters
    defaults = {n: p.default for n, p in parameters.items() if n not in ("train_size", "test_size")}
    assert defaults == DEFAULT_SCENE_OPTIONS
