"""Images on which a hypothesis is tested, and the groups within which they are compared."""

import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulated_records import IMAGES, SIZES, check_small_objects, simulate_study
from foveal import stats
from foveal.analysis import check_hypotheses
from foveal.analysis.hypotheses.evidence import DEFAULT_SCENE_OPTIONS
from foveal.data import generate_scenes
from foveal.records import StudyRecord


def test_extent_of_a_gain_is_measured_by_the_other_seeds() -> None:
    """Each run has other images in another order, and one image that it could not measure."""
    study = simulate_study({"spatial": -0.6}, seeds=3, source="occlusion")
    truth = study.runs[0].extras["covariates"]["extent"]
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=0.1, size=(3, IMAGES)).astype(np.float32)
    noise -= noise.mean(axis=0)
    noise[1, 7] = np.nan
    runs = []
    for run in study.runs:
        if run.results["variant"] == "none":
            seed = run.results["seed"]
            indices = generator.permutation(np.arange(seed, 500))
            covariates = {**run.extras["covariates"], "image_indices": indices}
            covariates["extent"] = (truth + noise[seed])[indices]
            covariates["colorfulness"] = truth[indices]
            run = replace(run, extras={"covariates": covariates})
        runs.append(run)
    result = check_small_objects(replace(study, runs=tuple(runs)))
    (effect,) = result.effects
    assert (result.source, effect.images) == ("occlusion", 497)
    indices = np.delete(np.arange(2, 500), 5)
    gains = (study.correctness["spatial"] - 1.0 * study.correctness["none"])[:, indices]
    extent = np.stack([truth - noise[seed] / 2 for seed in range(3)])[:, indices].astype(float)
    extent -= extent.mean(axis=1, keepdims=True)  # the noise of all seeds has the sum 0
    slope = np.polyfit(extent.ravel(), gains.ravel(), 1)[0]
    low, high = np.quantile(truth[indices], [0.1, 0.9])
    assert effect.change == pytest.approx(slope * (high - low), rel=1e-4)


@pytest.mark.parametrize("seeds", [3, 6])
def test_mistakes_that_shift_the_extent_are_not_an_effect(seeds: int) -> None:
    """A network that misses an object measures a larger extent; the mean over all seeds would see a loss."""
    study = simulate_study({"spatial": 0.0}, seeds=seeds, source="occlusion")
    truth = study.runs[0].extras["covariates"]["extent"]
    runs, measured = [], []
    for run in study.runs:
        if run.results["variant"] == "none":
            extent = truth + 0.5 * ~run.predictions["correct"]
            measured.append(extent)
            run = replace(
                run, extras={"covariates": {**run.extras["covariates"], "extent": extent}}
            )
        runs.append(run)
    result = check_small_objects(replace(study, runs=tuple(runs)))
    (effect,) = result.effects
    assert (result.answer, effect.seeds) == ("undecided", seeds)
    gains = study.correctness["spatial"] - 1.0 * study.correctness["none"]
    naive = stats.fit_two_way_slope(gains, np.mean(measured, axis=0))
    assert naive.compute_interval(0.975)[0] > 0


def test_a_seed_whose_extent_nobody_else_measured_is_left_out() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=4, source="occlusion")
    runs = [run if run.results["seed"] == 0 else replace(run, extras={}) for run in study.runs]
    (effect,) = check_small_objects(replace(study, runs=tuple(runs))).effects
    assert effect.seeds == 3
    single = replace(study, runs=tuple(run for run in runs if run.results["seed"] == 0))
    (effect,) = check_small_objects(single).effects
    assert effect.seeds == 1
    assert np.isnan(effect.interval).all()


def test_cells_that_differ_in_more_options_are_different_groups() -> None:
    """The variant gains more with more clutter, and there are no small objects there."""
    others = ":clutter=0.2", ":clutter=0.8"
    study = simulate_study({"spatial": -0.6}, sweep=SIZES, other_options=others, seeds=4)
    uneven = select_cells(study, lambda data: data != "scenes:object_size=0.25:clutter=0.8")
    assert len(uneven.design.cells) == 5
    (effect,) = check_small_objects(uneven).effects
    assert "within 2 settings" in check_small_objects(uneven).reason
    slopes, squares = [], []
    for other in others:
        (group_effect,) = check_small_objects(select_cells(uneven, ends_with(other))).effects
        sizes = SIZES if other == others[0] else SIZES[1:]
        slopes.append(group_effect.change / (sizes[-1] - sizes[0]))
        squares.append(len(sizes) * np.var(sizes))
    assert effect.change == pytest.approx(0.3 * np.average(slopes, weights=squares))
    gains = [
        cell.correctness["spatial"].mean() - cell.correctness["none"].mean()
        for cell in uneven.split_by_cell()
    ]
    ungrouped = 0.3 * np.polyfit([*SIZES, *SIZES[1:]], gains, 1)[0]
    assert effect.change < ungrouped - 0.03


def ends_with(suffix: str) -> Callable[[str], bool]:
    return lambda data: data.endswith(suffix)


def select_cells(study: StudyRecord, is_selected: Callable[[str], bool]) -> StudyRecord:
    cells = tuple(cell for cell in study.design.cells if is_selected(cell.options["data"]))
    runs = tuple(run for run in study.runs if is_selected(run.config["data"]))
    return replace(study, design=replace(study.design, cells=cells), runs=runs)


def test_sweep_of_one_property_is_not_a_sweep_of_the_other() -> None:
    study = simulate_study({"spatial": -0.6, "channel": 0.6}, sweep=SIZES)
    small, colors = check_hypotheses(study)
    assert (small.source, colors.source) == ("sweep", "pixels")
    assert "within 3 settings" in colors.reason


def test_constant_property_has_no_slope() -> None:
    study = simulate_study({"channel": 0.1})
    runs = []
    for run in study.runs:
        if run.extras:
            gray = {**run.extras["covariates"], "colorfulness": np.zeros(IMAGES, np.float32)}
            run = replace(run, extras={"covariates": gray})
        runs.append(run)
    _, colors = check_hypotheses(replace(study, runs=tuple(runs)))
    assert colors.answer is None
    assert colors.reason.startswith("colorfulness hardly differs between these images: sweep it")


def test_default_options_equal_those_of_the_scenes() -> None:
    parameters = inspect.signature(generate_scenes).parameters
    defaults = {n: p.default for n, p in parameters.items() if n not in ("train_size", "test_size")}
    assert defaults == DEFAULT_SCENE_OPTIONS
