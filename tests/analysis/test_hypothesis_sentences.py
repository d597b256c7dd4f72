"""Sentences of a hypothesis with and without an answer."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulated_records import SIZES, check_small_objects, remove_runs, simulate_study
from foveal.analysis import check_hypotheses


@pytest.mark.parametrize(("seeds", "start"), [(1, "one seed claims"), (2, "two seeds claim")])
@pytest.mark.parametrize("sweep", [(), SIZES])
def test_two_seeds_claim_nothing(seeds: int, start: str, sweep: Sequence[float]) -> None:
    result = check_small_objects(simulate_study({"spatial": -0.6}, seeds=seeds, sweep=sweep))
    assert result.answer is None
    assert result.reason.startswith(f"{start} nothing, and an answer needs at least 3; ")
    (effect,) = result.effects
    assert np.isnan(effect.interval).all()
    assert effect.change < 0


def test_only_a_sweep_has_no_warning_about_causes() -> None:
    sweep = check_small_objects(simulate_study({"spatial": -0.6}, sweep=SIZES)).reason
    assert sweep.startswith(
        "from object_size 0.25 to 0.55 the gain of spatial over none changes by -"
    )
    assert "97.5 % interval" in sweep
    assert "differ in nothing else" in sweep
    assert "does not show a cause" not in sweep
    masks, occlusion = (
        check_small_objects(simulate_study({"spatial": -0.6}, source=source)).reason
        for source in ("mask", "occlusion")
    )
    for reason in masks, occlusion:
        assert "this does not show a cause" in reason
        assert "--grid.data scenes:object_size=0.25,scenes:object_size=0.55" in reason
    assert "pulls a slope to 0" in occlusion
    assert "pulls a slope to 0" not in masks


def test_missing_evidence_with_the_next_command() -> None:
    study = simulate_study({"spatial": -0.6}, seeds=5)
    small, colors = check_hypotheses(study)
    assert small.answer == "supported"
    assert colors.answer is None
    assert [effect.variant for effect in colors.effects] == ["spatial"]
    assert colors.reason.endswith(
        "no variant `channel`: add it with --attention none,spatial,channel"
    )
    without_extras = replace(study, runs=tuple(replace(run, extras={}) for run in study.runs))
    assert "without --no-extras" in check_small_objects(without_extras).reason
    without_runs = replace(study, runs=())
    reason = check_small_objects(without_runs).reason
    assert reason.startswith("no run of `none` is finished")
    baseline_only = remove_runs(study, *(("spatial", seed) for seed in range(5)))
    reason = check_small_objects(baseline_only).reason
    assert reason.startswith("no seed is finished for both `none` and `spatial`: ")
    for incomplete in (without_extras, without_runs, baseline_only):
        result = check_small_objects(incomplete)
        assert (result.answer, result.effects) == (None, ())


def test_more_seeds_than_planned_are_reported() -> None:
    study = simulate_study({"spatial": 0.0}, seeds=4, planned_seeds=4)
    assert "planned for" not in check_small_objects(study).reason
    study = simulate_study({"spatial": 0.0}, seeds=5, planned_seeds=4)
    assert "planned for 4 seeds and shown at 5" in check_small_objects(study).reason
