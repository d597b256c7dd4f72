"""Training times come from steps that were timed in turns; caveats name runs that disagree."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.analysis import compute_training_times, find_caveats, list_variant_costs
from foveal.records import (
    RunRecord,
    StudyRecord,
    VariantStepTime,
    read_study,
    write_extra,
    write_step_times,
)
from report.fake_records import TWO_VARIANTS, make_costs, write_fake_study

BUSY = (
    "Do not trust the times: something else used the machine while they were measured. Time it again with "
    "nothing else running."
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study whose runs have two epochs of 1 s."""
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    for index, variant in enumerate(TWO_VARIANTS):
        write_extra(folder, f"cost-{index}-0", make_costs(variant))
    return folder


def store(folder: Path, **step_seconds: float) -> StudyRecord:
    """Store step times of epochs with 10 steps, and return the study."""
    times = [
        VariantStepTime({}, variant, seconds, (seconds, seconds), 24, 10.0, "a processor")
        for variant, seconds in step_seconds.items()
    ]
    write_step_times(folder, times)
    return read_study(folder)


def stretch(study: StudyRecord, variant: str, factors: dict[int, float]) -> StudyRecord:
    """Return the study with the runs of a variant longer by a factor per seed."""

    def change(run: RunRecord) -> RunRecord:
        factor = factors.get(run.results["seed"], 1.0) if run.results["variant"] == variant else 1.0
        seconds = factor * np.asarray(run.metrics["time_seconds"])
        return replace(run, metrics={**run.metrics, "time_seconds": seconds})

    return replace(study, runs=tuple(map(change, study.runs)))


def list_time_caveats(study: StudyRecord) -> list[str]:
    return [caveat for caveat in find_caveats(study) if "the times" in caveat]


def test_times_are_those_of_the_steps(folder: Path) -> None:
    study = store(folder, none=0.1, channel=0.12)
    times = compute_training_times(study)
    assert times["none"].training_seconds == pytest.approx(2.0)
    assert times["channel"].training_seconds == pytest.approx(2.4)
    assert times["channel"].epoch_seconds == pytest.approx(1.2)
    assert times["channel"].runs_over_steps == pytest.approx(2.0 / 2.4)
    costs = {cost["variant"]: cost for cost in list_variant_costs(study)}
    assert costs["channel"]["training_seconds"] == pytest.approx(2.4)
    assert list_time_caveats(study) == []


def test_busy_machine_does_not_change_costs_and_is_named(folder: Path) -> None:
    busy = stretch(store(folder, none=0.1, channel=0.1), "channel", {0: 2.0, 1: 9.0, 2: 9.0})
    times = compute_training_times(busy)["channel"]
    assert times.training_seconds == pytest.approx(2.0)
    assert times.runs_over_steps == pytest.approx(9.0)
    assert times.slowest_over_fastest == pytest.approx(4.5)
    assert not times.is_steady
    (caveat,) = list_time_caveats(busy)
    assert not times.has_reliable_time
    assert caveat == BUSY


@pytest.mark.parametrize(
    ("none", "channel", "is_reliable"),
    [
        (0.1, 0.2, False),  # all runs took 2 s, so one of the steps was disturbed
        (0.05, 0.06, True),  # two runs at a time take longer than their steps, all alike
        (0.1, 0.129, True),
        (0.1, 0.131, False),
        (0.1, 0.091, True),
        (0.1, 0.089, False),  # an added module cannot make training this much faster
    ],
)
def test_only_differences_between_variants_make_times_unreliable(
    folder: Path, none: float, channel: float, is_reliable: bool
) -> None:
    study = store(folder, none=none, channel=channel)
    times = compute_training_times(study).values()
    assert [each.has_reliable_time for each in times] == [is_reliable] * 2
    assert list_time_caveats(study) == [BUSY] * (not is_reliable)
    costs = list_variant_costs(study)
    assert [cost["has_reliable_time"] for cost in costs] == [is_reliable] * 2


def test_scattered_steps_are_unreliable(folder: Path) -> None:
    study = store(folder, none=0.1, channel=0.1)
    first, second = study.step_times
    scattered = replace(study, step_times=(replace(first, quartiles=(0.08, 0.12)), second))
    assert compute_training_times(scattered)["none"].step_spread == pytest.approx(1.5)
    assert list_time_caveats(scattered) == [BUSY]


def test_study_without_step_times_takes_those_of_its_epochs(folder: Path) -> None:
    old = read_study(folder)
    times = compute_training_times(old)["channel"]
    assert (times.step_seconds, times.runs_over_steps) == (None, None)
    assert times.training_seconds == pytest.approx(2.0)
    assert times.has_reliable_time
    assert list_time_caveats(old) == []
    (caveat,) = list_time_caveats(stretch(old, "channel", {1: 1.5}))
    assert caveat.startswith(
        "Do not trust the times: the slowest run took 1.5 (channel) times as long as "
    )
