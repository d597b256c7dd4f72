"""How many runs go on at a time where nobody says so."""

from pathlib import Path

import pytest

from foveal.records import Design
from foveal.study import StudyConfig
from foveal.study.executors.worker_count import choose_worker_count
from foveal.training import count_cpu_cores, hardware_probe


def stored(**setting: object) -> Design:
    return Design(setting, ("none",), 1, 1, 0.5, 0.5)


def test_given_threads_leave_the_cores_to_as_many_runs() -> None:
    assert choose_worker_count(StudyConfig(device="cpu", threads=1), None) == count_cpu_cores()
    assert choose_worker_count(StudyConfig(device="cpu", threads=10 * count_cpu_cores()), None) == 1


def test_what_a_study_has_settled_holds() -> None:
    config = StudyConfig(device="cpu")
    assert choose_worker_count(config, stored(device="cpu", threads=1)) == count_cpu_cores()
    assert choose_worker_count(config, stored(device="cpu", threads=count_cpu_cores())) == 1
    assert choose_worker_count(config, stored(device="mps", threads=1)) == 1


def test_open_threads_are_a_question_to_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    hardware_probe.read_or_measure_ratio(
        f"{count_cpu_cores()} runs",
        hardware_probe.PARALLEL_PROBE,
        lambda _: 1.9,
        count_cpu_cores(),
    )
    assert choose_worker_count(StudyConfig(device="cpu"), None) == count_cpu_cores()
