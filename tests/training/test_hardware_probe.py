"""Hardware probes: measured once, cached, and measured again if the cache is damaged."""

import json
from pathlib import Path

import pytest

from foveal.training import hardware_probe


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))


def test_measures_each_probe_once() -> None:
    measured_threads: list[int] = []

    def measure(threads: int) -> float:
        measured_threads.append(threads)
        return 1.5

    assert hardware_probe.read_cached_ratio("4 runs", "ratio") is None
    for _ in range(2):
        assert hardware_probe.read_or_measure_ratio("4 runs", "ratio", measure, 4) == 1.5
    assert hardware_probe.read_cached_ratio("4 runs", "ratio") == 1.5
    assert measured_threads == [4]
    assert hardware_probe.read_or_measure_ratio("2 runs", "ratio", measure, 2) == 1.5
    assert measured_threads == [4, 2]


def test_measures_again_if_the_cached_ratio_is_damaged() -> None:
    hardware_probe.get_cache_path("1").write_text('{"ratio": ')
    assert hardware_probe.read_or_measure_ratio("1", "ratio", float, 1) == 1.0
    assert json.loads(hardware_probe.get_cache_path("1").read_text())["ratio"] == 1.0


def test_measures_again_if_the_cache_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "file" / "cache"))
    assert hardware_probe.read_or_measure_ratio("1", "ratio", lambda _: 1.0, 1) == 1.0
    assert hardware_probe.read_or_measure_ratio("1", "ratio", lambda _: 2.0, 1) == 2.0


@pytest.mark.parametrize(("ratio", "run_count"), [(1.9, 4), (1.05, 1), (0.5, 1)])
def test_runs_in_parallel_only_if_clearly_faster(ratio: float, run_count: int) -> None:
    assert hardware_probe.read_parallel_run_count(4) is None
    hardware_probe.read_or_measure_ratio(
        "4 runs", hardware_probe.PARALLEL_PROBE, lambda _: ratio, 4
    )
    assert hardware_probe.find_parallel_run_count(4) == run_count
    assert hardware_probe.read_parallel_run_count(4) == run_count
    assert hardware_probe.find_parallel_run_count(1) == 1
    assert hardware_probe.read_parallel_run_count(1) == 1


def test_measures_positive_speedups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware_probe, "DTYPE_ROUNDS", 1)
    monkeypatch.setattr(hardware_probe, "PARALLEL_ROUNDS", 1)
    monkeypatch.setattr(hardware_probe, "MEASUREMENT_SECONDS", 0.1)
    assert hardware_probe.measure_parallel_speedup(2) > 0
    bfloat16_speedup = hardware_probe.read_cached_ratio("1", hardware_probe.BFLOAT16_PROBE)
    assert bfloat16_speedup is not None
    assert bfloat16_speedup > 0
