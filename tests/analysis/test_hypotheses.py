"""Two hypotheses held against simulated records whose truth is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulated_records import IMAGES, SIZES, simulated, small_objects, without
from foveal.analysis.hypotheses import check_hypotheses
from foveal.analysis.hypotheses.effects import Effect, answer_from_interval


@pytest.mark.parametrize("sweep", [(), SIZES])
@pytest.mark.parametrize(
    ("slope", "answer"), [(-0.6, "supported"), (0.6, "contradicted"), (0.0, "undecided")]
)
def test_the_answer_is_the_truth(slope: float, answer: str, sweep: Sequence[float]) -> None:
    found = small_objects(simulated({"spatial": slope, "channel": 0.1}, sweep=sweep, seeds=5))
    assert (found.answer, found.variant) == (answer, "spatial")
    mine, other = found.effects
    assert (mine.variant, other.variant) == ("spatial", "channel")
    assert (mine.seeds, mine.images) == (5, IMAGES)
    low, high = mine.interval
    expected = slope * (0.3 if sweep else 0.32)  # 0.55 - 0.25, and 0.9 - 0.1 of 0.4
    assert low < expected < high
    assert found.source == ("sweep" if sweep else "mask")
    if sweep:
        assert (found.low, found.high) == (0.25, 0.55)
    else:
        assert (found.low, found.high) == pytest.approx((0.04, 0.36), abs=0.02)


@pytest.mark.parametrize(("slope", "answer"), [(0.6, "supported"), (-0.6, "contradicted")])
def test_channel_attention_should_gain_where_colors_vary(slope: float, answer: str) -> None:
    _, images = check_hypotheses(simulated({"channel": slope}, seeds=4))
    assert (images.answer, images.source) == (answer, "pixels")
    assert (images.low, images.high) == pytest.approx((4, 36), abs=2)
    record = simulated({"channel": slope}, sweep=(0.0, 0.5, 1.0), option="color_variation", seeds=4)
    _, sweep = check_hypotheses(record)
    assert (sweep.answer, sweep.source, sweep.low, sweep.high) == (answer, "sweep", 0.0, 1.0)


def test_without_an_effect_most_studies_are_undecided() -> None:
    """Both answers share 5 %: one of forty intervals should leave out 0, and three or more rarely do."""
    answers = [
        small_objects(simulated({"spatial": 0.0}, seeds=3, number=number, sweep=sweep)).answer
        for number in range(20)
        for sweep in ((), SIZES)
    ]
    assert answers.count("undecided") >= 38


def test_the_effect_is_the_slope_of_the_mean_gain() -> None:
    record = simulated({"spatial": -0.6}, seeds=3)
    gains = np.mean(record.correctness["spatial"], 0) - np.mean(record.correctness["none"], 0)
    extent = record.runs[0].extras["covariates"]["extent"].astype(float)
    slope = np.polyfit(extent, gains, 1)[0]
    low, high = np.quantile(extent, [0.1, 0.9])
    (mine,) = small_objects(record).effects
    assert mine.change == pytest.approx(slope * (high - low))


def test_the_effect_of_a_sweep_of_two_is_the_difference_of_the_gains() -> None:
    record = simulated({"spatial": -0.6}, seeds=3, sweep=(0.2, 0.6))
    gains = [
        part.correctness["spatial"].mean() - part.correctness["none"].mean()
        for part in record.split_by_cell()
    ]
    (mine,) = small_objects(record).effects
    assert mine.change == pytest.approx(gains[1] - gains[0])


def test_what_matches_is_paired() -> None:
    whole = simulated({"spatial": -0.6}, seeds=6)
    found = small_objects(without(whole, ("none", 0), ("none", 5), ("spatial", 2)))
    (mine,) = found.effects
    assert mine.seeds == 3
    same = without(whole, *((v, s) for v in ("none", "spatial") for s in (0, 2, 5)))
    (expected,) = small_objects(same).effects
    assert mine == expected


def test_a_seed_counts_that_is_finished_in_every_cell() -> None:
    whole = simulated({"spatial": -0.6}, seeds=4, sweep=SIZES)
    one = next(
        run for run in whole.runs
        if run.config["data"].endswith("0.4") and run.config["seed"] == 3
    )  # fmt: skip
    (mine,) = small_objects(
        replace(whole, runs=tuple(run for run in whole.runs if run is not one))
    ).effects
    assert mine.seeds == 3
    last = [run for run in whole.runs if not run.config["data"].endswith("0.55")]
    found = small_objects(replace(whole, runs=tuple(last)))
    assert found.answer is None
    assert "no seed is finished for both `none` and `spatial` in every cell" in found.reason


def test_a_variant_with_options_is_the_hypothesis_own_where_there_is_no_other() -> None:
    found = small_objects(simulated({"channel": 0.1, "spatial:where=conv": -0.6}, seeds=4))
    assert (found.variant, found.answer) == ("spatial:where=conv", "supported")
    found = small_objects(simulated({"spatial:where=conv": 0.6, "spatial": -0.6}, seeds=4))
    assert (found.variant, found.answer) == ("spatial", "supported")


@pytest.mark.parametrize(
    ("interval", "sign", "answer"),
    [
        ((0.1, 0.2), 1, "supported"), ((0.1, 0.2), -1, "contradicted"), ((-0.2, -0.1), 1, "contradicted"),
        ((-0.1, 0.2), 1, "undecided"), ((0.0, 0.2), 1, "undecided"), ((0.0, 0.0), -1, "undecided"),
    ],
)  # fmt: skip
def test_a_word_for_an_interval(interval: tuple[float, float], sign: int, answer: str) -> None:
    assert answer_from_interval(Effect("spatial", 0.0, interval, 3, 10), sign) == answer
    assert answer_from_interval(Effect("spatial", 0.0, interval, 2, 10), sign) is None
