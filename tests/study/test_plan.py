"""Plan of a study, before anything is trained."""

from pathlib import Path

import pytest
from statsmodels.stats.power import TTestIndPower

from foveal.stats import compute_power
from foveal.study import plan
from study.small_study import change


@pytest.mark.parametrize(
    ("attention", "sd", "detect"),
    [("none,cbam", 0.4, 0.5), ("none,cbam", 1.0, 0.9), ("none,channel,spatial", 0.2, 0.5)],
)
def test_seeds_needed_are_close_to_those_of_statsmodels(
    attention: str, sd: float, detect: float
) -> None:
    """The pooled test of statsmodels needs up to one seed less than Welch's."""
    planned = plan(change(attention=attention, seeds=4), sd=sd, detect=detect)
    assert planned.alpha == pytest.approx(0.05 / (attention.count(",")))
    expected = TTestIndPower().solve_power(detect / sd, power=0.8, alpha=planned.alpha)
    assert 0 <= planned.seeds_needed - expected < 2
    assert planned.detectable is not None
    power = compute_power(planned.detectable, sd=sd, seeds=4, alpha=planned.alpha)
    assert power == pytest.approx(0.8, abs=1e-6)


def test_counts_of_runs_controls_and_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planned = plan(change(seeds=2, wide=True, grid={"learning_rate": [0.1, 0.2]}), workers=2)
    assert planned.variants == ("none", "channel", "wide:like=channel")
    assert planned.runs == 12
    assert planned.comparisons == 6  # two with none and one with the control, in two cells
    assert planned.detectable is None
    assert len(planned.seconds_by_variant) == 6
    # Two seeds, two parallel runs.
    assert planned.seconds >= sum(planned.seconds_by_variant.values())
    assert list(tmp_path.iterdir()) == []  # nothing is written


def test_time_depends_on_epochs_and_workers() -> None:
    short, long = (plan(change(epochs=epochs)) for epochs in (1, 400))
    assert long.seconds > 3 * short.seconds
    assert plan(change(epochs=400), workers=4).seconds < long.seconds


def test_plan_of_a_sequential_study() -> None:
    """Larger differences take fewer seeds, and all of them at most the maximum."""
    made = plan(change(until_decided=True, max_seeds=10, seeds=5, margin=2), sd=1.0)
    assert made.looks == (4, 5, 6, 8, 10)
    assert made.runs == 20
    assert [row.difference for row in made.outlook] == [0, 1, 2, 4]
    seeds = [row.seeds for row in made.outlook]
    assert 4 < seeds[3] < seeds[2] <= 10
    assert all(row.seconds <= made.seconds for row in made.outlook)
    assert made.outlook[0].share_equivalent > 0.9
    assert made.outlook[3].share_better > 0.9


def test_plan_of_the_audit() -> None:
    """Four variants, sd 1.5 and half a point: 203 seeds."""
    made = plan(change(attention="none,channel,spatial,bam,cbam"), sd=1.5, detect=0.5)
    assert made.seeds_needed == pytest.approx(203, abs=2)
    assert plan(change(), sd=1.0).outlook == ()
