"""What is said beside an answer, and where there is none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulated_records import SIZES, simulated, small_objects, without
from foveal.analysis.hypotheses import check_hypotheses


@pytest.mark.parametrize(("seeds", "said"), [(1, "one seed claims"), (2, "two seeds claim")])
@pytest.mark.parametrize("sweep", [(), SIZES])
def test_two_seeds_claim_nothing(seeds: int, said: str, sweep: Sequence[float]) -> None:
    found = small_objects(simulated({"spatial": -0.6}, seeds=seeds, sweep=sweep))
    assert found.answer is None
    assert found.reason.startswith(f"{said} nothing, and an answer needs at least 3; ")
    (mine,) = found.effects
    assert np.isnan(mine.interval).all()
    assert mine.change < 0


def test_only_a_sweep_is_without_the_caveat() -> None:
    sweep = small_objects(simulated({"spatial": -0.6}, sweep=SIZES)).reason
    assert sweep.startswith(
        "from object_size 0.25 to 0.55 the gain of spatial over none changes by -"
    )
    assert "97.5 % interval" in sweep
    assert "differ in nothing else" in sweep
    assert "does not show a cause" not in sweep
    masks, occluded = (
        small_objects(simulated({"spatial": -0.6}, source=source)).reason
        for source in ("mask", "occlusion")
    )
    for said in masks, occluded:
        assert "this does not show a cause" in said
        assert "--grid.data scenes:object_size=0.25,scenes:object_size=0.55" in said
    assert "pulls a slope to 0" in occluded
    assert "pulls a slope to 0" not in masks


def test_what_is_missing_says_how_to_get_it() -> None:
    record = simulated({"spatial": -0.6}, seeds=5)
    small, colors = check_hypotheses(record)
    assert small.answer == "supported"
    assert colors.answer is None
    assert [effect.variant for effect in colors.effects] == ["spatial"]
    assert colors.reason.endswith(
        "no variant `channel`: add it with --attention none,spatial,channel"
    )
    bare = replace(record, runs=tuple(replace(run, extras={}) for run in record.runs))
    assert "without --no-extras" in small_objects(bare).reason
    unfinished = replace(record, runs=())
    assert small_objects(unfinished).reason.startswith("no run of `none` is finished")
    alone = without(record, *(("spatial", seed) for seed in range(5)))
    assert small_objects(alone).reason.startswith(
        "no seed is finished for both `none` and `spatial`: "
    )
    for one in (small_objects(bare), small_objects(unfinished), small_objects(alone)):
        assert (one.answer, one.effects) == (None, ())


def test_looking_again_is_told() -> None:
    assert (
        "planned for" not in small_objects(simulated({"spatial": 0.0}, seeds=4, planned=4)).reason
    )
    said = small_objects(simulated({"spatial": 0.0}, seeds=5, planned=4)).reason
    assert "planned for 4 seeds and shown at 5" in said
