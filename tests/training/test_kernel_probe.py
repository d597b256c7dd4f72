"""The probe of native kernels: `auto` takes the parts that win in forced times, and measures once."""

from pathlib import Path

import pytest

from foveal.kernels import PARTS, get_default_kernels
from foveal.training import Numerics, kernel_probe, resolve_numerics
from kernels.comparison import requires_native_kernels

SETTINGS = 1, "float32", "channels_last"
NUMERICS = Numerics(device="cpu", threads=1, dtype="float32", memory_format="channels_last")
FASTER, SLOWER, SAME = [0.8] * 21, [1.3] * 21, [0.995] * 21
NOISY = [0.5] * 14 + [1.1] * 7

pytestmark = requires_native_kernels


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    monkeypatch.delenv("FOVEAL_KERNELS", raising=False)


def force_times(gate: list[float], norm: list[float], pool: list[float]) -> None:
    """Write times of a step to the cache, relative to plain operations."""
    times = {"plain": [1.0] * 21, "gate": gate, "norm": norm, "pool": pool}
    kernel_probe.write_step_seconds(times, *SETTINGS)


@pytest.mark.parametrize(
    ("gate", "norm", "pool", "kernels"),
    [
        (SLOWER, SLOWER, SLOWER, "plain"),
        (SAME, NOISY, SLOWER, "plain"),
        (FASTER, SLOWER, NOISY, "gate"),
        (SLOWER, FASTER, FASTER, "norm+pool"),
        (FASTER, FASTER, FASTER, "gate+norm+pool"),
    ],
)
def test_auto_takes_the_parts_that_win(
    gate: list[float], norm: list[float], pool: list[float], kernels: str
) -> None:
    force_times(gate, norm, pool)
    assert resolve_numerics(NUMERICS).kernels == kernels


@pytest.mark.parametrize("kernels", ["plain", "pool", "native"])
def test_given_kernels_need_no_times(kernels: str, tmp_path: Path) -> None:
    resolved = resolve_numerics(NUMERICS.model_copy(update={"kernels": kernels}))
    assert resolved.kernels == {"native": "gate+norm+pool"}.get(kernels, kernels)
    assert list(tmp_path.iterdir()) == []


def test_kernels_of_the_environment_need_no_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_KERNELS", "gate")
    assert resolve_numerics(NUMERICS).kernels == "gate"
    assert list(tmp_path.iterdir()) == []


def test_times_belong_to_their_settings() -> None:
    force_times(FASTER, FASTER, FASTER)
    assert kernel_probe.read_step_seconds(*SETTINGS) is not None
    for settings in (
        (2, "float32", "channels_last"),
        (1, "bfloat16", "channels_last"),
        (1, "float32", "contiguous"),
    ):
        assert kernel_probe.read_step_seconds(*settings) is None


@pytest.mark.parametrize(
    "times", [{}, {"plain": [1.0]}, dict.fromkeys(["plain", *PARTS], [1.0] * 3)]
)
def test_incomplete_times_are_not_read(times: dict[str, list[float]]) -> None:
    kernel_probe.write_step_seconds(times, *SETTINGS)
    assert kernel_probe.read_step_seconds(*SETTINGS) is None


def test_measures_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_probe, "_ROUNDS", 2)
    monkeypatch.setattr(kernel_probe, "_MAX_SPREAD", float("inf"))
    kernel_probe.find_faster_parts(*SETTINGS)
    measured = kernel_probe.read_step_seconds(*SETTINGS)
    assert measured is not None
    assert all(len(times) == 2 and min(times) > 0 for times in measured.values())
    kernel_probe.find_faster_parts(*SETTINGS)
    assert kernel_probe.read_step_seconds(*SETTINGS) == measured


def test_disturbed_times_are_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A limit that no measurement meets stands for a busy machine."""
    monkeypatch.setattr(kernel_probe, "_MAX_SPREAD", 0.0)
    monkeypatch.setattr(kernel_probe, "_BATCH_SIZE", 2)
    assert resolve_numerics(NUMERICS).kernels == get_default_kernels()
    assert list(tmp_path.iterdir()) == []
