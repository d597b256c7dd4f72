"""Default number of parallel runs."""

from pathlib import Path

import pytest

from foveal.records import Design
from foveal.study import StudyConfig
from foveal.study.executors import choose_worker_count
from foveal.training import count_cpu_cores, hardware_probe


def make_design(**shared_options: object) -> Design:
    return Design(shared_options, ("none",), 1, 1, 0.5, 0.5)


def test_runs_with_given_threads_share_the_cores() -> None:
    cores = count_cpu_cores()
    assert choose_worker_count(StudyConfig(device="cpu", threads=1), None) == cores
    assert choose_worker_count(StudyConfig(device="cpu", threads=10 * cores), None) == 1


def test_stored_design_wins() -> None:
    config = StudyConfig(device="cpu")
    cores = count_cpu_cores()
    assert choose_worker_count(config, make_design(device="cpu", threads=1)) == cores
    assert choose_worker_count(config, make_design(device="cpu", threads=cores)) == 1
    assert choose_worker_count(config, make_design(device="mps", threads=1)) == 1


def test_open_threads_use_the_cached_probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    cores = count_cpu_cores()
    probe = hardware_probe.PARALLEL_PROBE
    hardware_probe.read_or_measure_ratio(f"{cores} runs", probe, lambda _: 1.9, cores)
    assert choose_worker_count(StudyConfig(device="cpu"), None) == cores
