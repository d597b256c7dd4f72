"""What a reviewer asks for, from fake records: sizes, classes and slopes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.analysis import (
    compare_cell_variants,
    compare_classes,
    compute_effect_sizes,
    compute_final_slopes,
)
from foveal.analysis.final_slopes import fit_final_slopes
from foveal.records import RunRecord, StudyRecord, read_study
from report.fake_records import ACCURACIES, write_fake_study


@pytest.fixture
def study(tmp_path: Path) -> StudyRecord:
    more_seeds = {**ACCURACIES, "none": [*ACCURACIES["none"], 0.9]}  # the fourth counts nowhere
    return read_study(write_fake_study(tmp_path / "study", more_seeds))


def test_sizes_are_about_the_common_seeds(study: StudyRecord) -> None:
    comparison = next(each for each in compare_cell_variants(study) if each.variant == "channel")
    sizes = compute_effect_sizes(study, comparison)
    assert sizes.reference == "none"
    assert sizes.reference_sd == pytest.approx(0.01)
    assert sizes.difference_over_sd == pytest.approx(0.095 / 0.01)
    assert sizes.win_chance.chance == 1
    assert sizes.removed_errors is not None
    assert sizes.removed_errors.share == pytest.approx(0.095 / 0.29)
    low, high = (end / 0.29 for end in comparison.interval)
    assert sizes.removed_errors.interval == pytest.approx((low, high))


def test_classes_share_the_error_rate_of_the_comparison(study: StudyRecord) -> None:
    comparison = next(each for each in compare_cell_variants(study) if each.variant == "channel")
    differences = compare_classes(study, comparison)
    assert [each.name for each in differences] == ["cat", "dog", "frog"]
    assert [each.test_images for each in differences] == [400] * 3
    mean = np.mean([each.difference for each in differences])
    assert mean == pytest.approx(comparison.difference)  # classes are equally large
    for each in differences:
        low, high = each.interval
        assert low < each.difference < high
        assert each.is_shown == (low > 0 or high < 0)
        assert high - low > comparison.interval[1] - comparison.interval[0]


@pytest.mark.parametrize(("epochs", "points"), [(2, 2), (9, 2), (10, 2), (11, 3), (40, 5)])
def test_final_slope_is_that_of_polyfit_over_the_last_tenth(epochs: int, points: int) -> None:
    curves = np.random.default_rng(epochs).random((3, epochs))
    expected = [np.polyfit(np.arange(points), curve[-points:], 1)[0] for curve in curves]
    assert fit_final_slopes(curves) == pytest.approx(expected)


def test_slopes_of_a_study_are_means_over_seeds(study: StudyRecord) -> None:
    def with_curve(run: RunRecord) -> RunRecord:
        gain = 0.01 * (1 + run.results["seed"])
        return replace(run, metrics={"test_accuracy": np.array([0.5, 0.6, 0.6 + gain])})

    curves = replace(study, runs=tuple(with_curve(run) for run in study.runs))
    slope = compute_final_slopes(curves)["channel"]
    assert slope.epochs == 1
    assert slope.slope == pytest.approx(0.02)
    assert slope.sd == pytest.approx(0.01)
    one_epoch = replace(study, runs=tuple(cut_curve(run) for run in study.runs))
    assert compute_final_slopes(one_epoch) == {}


def cut_curve(run: RunRecord) -> RunRecord:
    return replace(run, metrics={"test_accuracy": run.metrics["test_accuracy"][:1]})
