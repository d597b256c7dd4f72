"""The kernels of a study: chosen once by the probe, part of the design and of the hash of every run."""

from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.records import read_design
from foveal.study import Study
from foveal.training import kernel_probe
from kernels.comparison import requires_native_kernels
from study.small_study import change

SETTINGS = 1, "float32", "channels_last"
CONFIG = change(attention="none", seeds=1)

pytestmark = requires_native_kernels


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FOVEAL_KERNELS", raising=False)


def force_faster_parts(*parts: str) -> None:
    """Write times of a step to the cache in which these parts are faster than plain operations."""
    names = ("plain", "gate", "norm", "pool")
    times = {name: [0.8 if name in parts else 1.0] * 21 for name in names}
    kernel_probe.write_step_seconds(times, *SETTINGS)


def test_chosen_parts_are_hashed_with_the_study(tmp_path: Path) -> None:
    runs = {}
    for kernels in ("plain", "gate", "gate+pool"):
        force_faster_parts(*kernels.split("+"))
        study = Study.open(tmp_path / kernels, CONFIG)
        assert study.design.shared_options["kernels"] == kernels
        (runs[kernels],) = study.list_runs()
        assert runs[kernels].config.kernels == kernels
    assert len({run.config.key for run in runs.values()}) == 3
    assert len({run.folder.name for run in runs.values()}) == 3


def test_stored_parts_win_over_later_times(tmp_path: Path) -> None:
    force_faster_parts("gate")
    Study.open(tmp_path / "study", CONFIG)
    force_faster_parts("norm", "pool")
    assert Study.open(tmp_path / "study", CONFIG).design.shared_options["kernels"] == "gate"


def test_refuses_kernels_that_contradict_the_design(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    Study.open(folder, change(attention="none", seeds=1, kernels="gate"))
    with pytest.raises(UsageError, match="kernels is gate there and plain here"):
        Study.open(folder, change(attention="none", seeds=1, kernels="plain"))
    monkeypatch.setenv("FOVEAL_KERNELS", "plain")
    with pytest.raises(UsageError, match="FOVEAL_KERNELS=plain, but the design has kernels=gate"):
        Study.open(folder, CONFIG)
    monkeypatch.setenv("FOVEAL_KERNELS", "gate")
    Study.open(folder, CONFIG)
    assert read_design(folder).shared_options["kernels"] == "gate"
