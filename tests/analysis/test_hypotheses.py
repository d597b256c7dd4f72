"""Hypotheses tested on simulated records whose truth is known."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulated_records import (
    IMAGES,
    SIZES,
    check_small_objects,
    remove_runs,
    simulate_study,
)
from foveal.analysis import check_hypotheses
from foveal.analysis.hypotheses.effects import answer_from_interval


@pytest.mark.parametrize("sweep", [(), SIZES])
@pytest.mark.parametrize(
    ("slope", "answer"), [(-0.6, "supported"), (0.6, "contradicted"), (0.0, "undecided")]
)
def test_answer_is_the_truth(slope: float, answer: str, sweep: Sequence[float]) -> None:
    slopes = {"spatial": slope, "channel": 0.1}
    result = check_small_objects(simulate_study(slopes, sweep=sweep, seeds=5))
    assert (result.answer, result.variant) == (answer, "spatial")
    effect, other_effect = result.effects
    assert (effect.variant, other_effect.variant) == ("spatial", "channel")
    assert (effect.seeds, effect.images) == (5, IMAGES)
    low, high = effect.interval
    expected = slope * (0.3 if sweep else 0.32)  # 0.55 - 0.25, and 0.9 - 0.1 of 0.4
    assert low < expected < high
    assert result.source == ("sweep" if sweep else "mask")
    if sweep:
        assert (result.low, result.high) == (0.25, 0.55)
    else:
        assert (result.low, result.high) == pytest.approx((0.04, 0.36), abs=0.02)


@pytest.mark.parametrize(("slope", "answer"), [(0.6, "supported"), (-0.6, "contradicted")])
def test_channel_attention_should_gain_with_colors(slope: float, answer: str) -> None:
    _, images = check_hypotheses(simulate_study({"channel": slope}, seeds=4))
    assert (images.answer, images.source) == (answer, "pixels")
    assert (images.low, images.high) == pytest.approx((4, 36), abs=2)
    colors = (0.0, 0.5, 1.0)
    study = simulate_study({"channel": slope}, sweep=colors, option="color_variation", seeds=4)
    _, sweep = check_hypotheses(study)
    assert (sweep.answer, sweep.source, sweep.low, sweep.high) == (answer, "sweep", 0.0, 1.0)


def test_most_studies_without_an_effect_are_undecided() -> None:
    """Both answers share 5 %: one of 40 intervals should exclude 0, and three or more rarely do."""
    answers = [
        check_small_objects(
            simulate_study({"spatial": 0.0}, seeds=3, random_seed=number, sweep=sweep)
        ).answer
        for number in range(20)
        for sweep in ((), SIZES)
    ]
    assert answers.count("undecided") >= 38


def test_effect_is_the_slope_of_the_mean_gain() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=3)
    gains = np.mean(study.correctness["spatial"], 0) - np.mean(study.correctness["none"], 0)
    extent = study.runs[0].extras["covariates"]["extent"].astype(float)
    slope = np.polyfit(extent, gains, 1)[0]
    low, high = np.quantile(extent, [0.1, 0.9])
    (effect,) = check_small_objects(study).effects
    assert effect.change == pytest.approx(slope * (high - low))


def test_effect_of_a_sweep_of_two_is_the_difference_of_gains() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=3, sweep=(0.2, 0.6))
    gains = [
        cell.correctness["spatial"].mean() - cell.correctness["none"].mean()
        for cell in study.split_by_cell()
    ]
    (effect,) = check_small_objects(study).effects
    assert effect.change == pytest.approx(gains[1] - gains[0])


def test_effect_per_error_of_a_sweep_of_two_is_the_difference_of_shares() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=3, sweep=(0.2, 0.6))
    shares = [
        (cell.correctness["spatial"].mean() - cell.correctness["none"].mean())
        / (1 - cell.correctness["none"].mean())
        for cell in study.split_by_cell()
    ]
    (effect,) = check_small_objects(study).effects
    assert effect.change_per_error == pytest.approx(shares[1] - shares[0])
    low, high = effect.interval_per_error
    assert low < effect.change_per_error < high


def test_gain_that_follows_the_errors_has_no_effect_per_error() -> None:
    """The baseline errs in 10 to 90 % of images, more for small objects; the variant mends one error in two."""
    study = simulate_study({"spatial": 0.0}, seeds=5)
    extent = study.runs[0].extras["covariates"]["extent"].astype(float)
    error_rate = np.interp(extent, [extent.min(), extent.max()], [0.9, 0.1])
    generator = np.random.default_rng(3)
    runs = []
    for run in study.runs:
        share = 1.0 if run.results["variant"] == "none" else 0.5
        correct = generator.random(IMAGES) > share * error_rate
        runs.append(replace(run, predictions={"correct": correct}))
    result = check_small_objects(replace(study, runs=tuple(runs)))
    (effect,) = result.effects
    assert result.answer == "supported"
    assert effect.interval[1] < 0
    assert effect.interval_per_error[0] < 0 < effect.interval_per_error[1]
    assert "the share of none's errors that spatial removes changes by" in result.reason
    assert "by this share the answer would be undecided: a gain is bounded" in result.reason


def test_baseline_without_errors_has_no_effect_per_error() -> None:
    study = simulate_study({"spatial": 0.0}, seeds=3)
    runs = [
        replace(run, predictions={"correct": np.ones(IMAGES, dtype=np.bool_)})
        if run.results["variant"] == "none"
        else run
        for run in study.runs
    ]
    result = check_small_objects(replace(study, runs=tuple(runs)))
    (effect,) = result.effects
    assert math.isnan(effect.change_per_error)
    assert "errors that spatial removes" not in result.reason


def test_only_common_seeds_count() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=6)
    result = check_small_objects(remove_runs(study, ("none", 0), ("none", 5), ("spatial", 2)))
    (effect,) = result.effects
    assert effect.seeds == 3
    unpaired = [(variant, seed) for variant in ("none", "spatial") for seed in (0, 2, 5)]
    (expected,) = check_small_objects(remove_runs(study, *unpaired)).effects
    assert effect == expected


def test_only_seeds_finished_in_every_cell_count() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=4, sweep=SIZES)
    missing = next(
        run for run in study.runs
        if run.config["data"].endswith("0.4") and run.config["seed"] == 3
    )  # fmt: skip
    runs = tuple(run for run in study.runs if run is not missing)
    (effect,) = check_small_objects(replace(study, runs=runs)).effects
    assert effect.seeds == 3
    runs = tuple(run for run in study.runs if not run.config["data"].endswith("0.55"))
    result = check_small_objects(replace(study, runs=runs))
    assert result.answer is None
    assert "no seed is finished for both `none` and `spatial` in every cell" in result.reason


def test_variant_with_options_is_used_if_there_is_no_other() -> None:
    study = simulate_study({"channel": 0.1, "spatial:where=conv": -0.6}, seeds=4)
    result = check_small_objects(study)
    assert (result.variant, result.answer) == ("spatial:where=conv", "supported")
    study = simulate_study({"spatial:where=conv": 0.6, "spatial": -0.6}, seeds=4)
    result = check_small_objects(study)
    assert (result.variant, result.answer) == ("spatial", "supported")


@pytest.mark.parametrize(
    ("interval", "sign", "answer"),
    [
        ((0.1, 0.2), 1, "supported"), ((0.1, 0.2), -1, "contradicted"), ((-0.2, -0.1), 1, "contradicted"),
        ((-0.1, 0.2), 1, "undecided"), ((0.0, 0.2), 1, "undecided"), ((0.0, 0.0), -1, "undecided"),
    ],
)  # fmt: skip
def test_answer_from_an_interval(interval: tuple[float, float], sign: int, answer: str) -> None:
    assert answer_from_interval(interval, sign) == answer
    assert answer_from_interval((math.nan, math.nan), sign) is None
