"""What is found out by a clock is asked once, and remembered under all that it hangs on."""

import json
from pathlib import Path

import pytest

from foveal.training import hardware_probe


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))


def test_a_question_is_asked_once() -> None:
    asked: list[int] = []

    def measure(threads: int) -> float:
        asked.append(threads)
        return 1.5

    assert hardware_probe.answered("4 runs", "ratio") is None
    for _ in range(2):
        assert hardware_probe.remembered("4 runs", "ratio", measure, 4) == 1.5
    assert hardware_probe.answered("4 runs", "ratio") == 1.5
    assert asked == [4]
    assert hardware_probe.remembered("2 runs", "ratio", measure, 2) == 1.5
    assert asked == [4, 2]


def test_a_damaged_answer_is_asked_for_again() -> None:
    hardware_probe.answer_to("1").write_text('{"ratio": ')
    assert hardware_probe.remembered("1", "ratio", float, 1) == 1.0
    assert json.loads(hardware_probe.answer_to("1").read_text())["ratio"] == 1.0


@pytest.mark.parametrize(("ratio", "runs"), [(1.9, 4), (1.05, 1), (0.5, 1)])
def test_runs_go_side_by_side_where_that_clearly_does_more(ratio: float, runs: int) -> None:
    assert hardware_probe.known_runs_at_a_time(4) is None
    hardware_probe.remembered("4 runs", hardware_probe.SIDE_BY_SIDE, lambda _: ratio, 4)
    assert hardware_probe.runs_at_a_time(4) == hardware_probe.known_runs_at_a_time(4) == runs
    assert hardware_probe.runs_at_a_time(1) == hardware_probe.known_runs_at_a_time(1) == 1


def test_both_ways_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware_probe, "FEW_ROUNDS", 1)
    assert hardware_probe.side_by_side_ratio(2) > 0
    assert hardware_probe.step_time_ratio(1) > 0
