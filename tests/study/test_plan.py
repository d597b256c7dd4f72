"""What is said before anything is trained."""

from pathlib import Path

import pytest
from statsmodels.stats.power import TTestIndPower

from foveal.study import StudyConfig, plan
from foveal.study.planning import guess_sd
from study.small_study import changed


@pytest.mark.parametrize(("sd", "detect"), [(0.4, 0.5), (0.2, 0.5), (1.0, 0.9)])
@pytest.mark.parametrize("attention", ["none,cbam", "none,channel,spatial"])
def test_seeds_needed_are_those_of_statsmodels(attention: str, sd: float, detect: float) -> None:
    found = plan(changed(attention=attention, seeds=4), sd=sd, detect=detect)
    assert found.alpha == pytest.approx(0.05 / (attention.count(",")))
    theirs = TTestIndPower().solve_power(detect / sd, power=0.8, alpha=found.alpha)
    assert abs(found.seeds_needed - theirs) <= 1
    assert found.detectable is not None
    at_that = TTestIndPower().power(found.detectable / sd, 4, found.alpha)
    assert at_that == pytest.approx(0.8, abs=1e-6)


def test_counts_runs_controls_and_cells() -> None:
    found = plan(changed(seeds=2, wide=True, grid={"learning_rate": [0.1, 0.2]}), workers=2)
    assert found.variants == ("none", "channel", "wide:like=channel")
    assert found.runs == 12
    assert found.comparisons == 4
    assert found.detectable is None
    assert len(found.seconds_by_variant) == 6
    assert found.seconds >= sum(found.seconds_by_variant.values())  # two seeds, two at a time


def test_more_epochs_take_longer_and_more_workers_less() -> None:
    short, long = (plan(changed(epochs=epochs)) for epochs in (1, 400))
    assert long.seconds > 3 * short.seconds
    assert plan(changed(epochs=400), workers=4).seconds < long.seconds


@pytest.mark.parametrize(
    ("options", "sd"),
    [
        ({"epochs": 3}, 0.5),
        ({"model": "resnet18", "epochs": 200, "data": "cifar10"}, 0.2),
        ({"model": "resnet18", "epochs": 200, "data": "/images/cifar100"}, 0.3),
        ({"model": "resnet18", "epochs": 5, "data": "cifar10"}, 0.5),
        ({"model": "resnet18", "epochs": 200, "data": "scenes"}, 0.5),
    ],
    ids=str,
)
def test_a_guess_where_no_deviation_is_given(options: dict[str, object], sd: float) -> None:
    assert guess_sd(StudyConfig(**options))[0] == sd  # type: ignore[arg-type]


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan(changed())
    assert list(tmp_path.iterdir()) == []
