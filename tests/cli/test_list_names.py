"""`foveal list` and `foveal doctor`."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cli.cli_runs import run_foveal
from foveal.attention import Gate, available, registry
from foveal.cli import main
from foveal.kernels import describe_instruction_set, join_parts, parse_parts, unavailable_reason
from foveal.training import count_cpu_cores, find_fastest_device
from foveal.training.hardware_probe import BFLOAT16_PROBE, write_measurement
from foveal.training.kernel_probe import write_step_seconds


def test_lists_modules_models_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(run_foveal(capsys, "list", "--json"))
    assert sorted(content["attention"]) == available()
    assert content["attention"]["cbam"]["aliases"] == ["series", "cbam-paper"]
    assert content["attention"]["cbam-official"]["preset_of"] == "cbam"
    assert "convnet" in content["models"]
    assert {"cifar10", "cifar100", "scenes"} <= set(content["data"])
    lines = run_foveal(capsys, "list").splitlines()
    first_words = [line.split()[0] for line in lines if line]
    assert first_words[1 : 3 + len(available())] == ["none", *available(), "timm/NAME"]
    assert lines[-1] == "Formula and options of a module: foveal list cbam"


def test_describes_one_module(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run_foveal(capsys, "list", "CBAM").splitlines()
    assert lines[0] == "cbam = series = cbam-paper, inserted at: residual"
    assert "F' = Mc(F) (x) F, F'' = Ms(F') (x) F'" in lines
    assert lines[lines.index("Options and defaults:") + 2] == "  reduction=16"
    preset = run_foveal(capsys, "list", "cbam-official").splitlines()
    assert preset[2] == "cbam with planes=max+avg, norm_momentum=0.01, norm_scale=0.0"
    content = json.loads(run_foveal(capsys, "list", "eca", "--json"))
    assert (content["name"], content["options"]) == ("eca", {"kernel_size": None})
    assert main(["list", "cabm"]) == 2
    assert "Did you mean 'cbam'?" in capsys.readouterr().err


def test_lists_a_module_registered_by_the_user(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ENTRIES", dict(registry.ENTRIES))

    @registry.register("half", where="residual")
    class Half(Gate):
        """Weigh everything by one half."""

        def __init__(self, channels: int, *, share: float = 0.5) -> None:
            super().__init__()
            self.share = share

        def attention_map(self, x: Tensor) -> Tensor:
            return torch.full_like(x[:, :1, :1, :1], self.share)

    entry = json.loads(run_foveal(capsys, "list", "--json"))["attention"]["half"]
    assert entry["summary"] == "Weigh everything by one half."
    assert entry["options"] == {"share": 0.5}


def test_doctor_shows_numerics_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(run_foveal(capsys, "doctor", "--json"))
    assert content["dtype"] in {"float32", "bfloat16"}
    assert content["torch"]
    assert content["instruction_set"] == describe_instruction_set()
    assert content["kernels"] in {"plain", join_parts(parse_parts(content["kernels"]))}


def test_doctor_shows_instruction_set_compiler_and_times(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    monkeypatch.delenv("FOVEAL_KERNELS", raising=False)
    times = {"plain": [0.2] * 21, "gate": [0.1] * 21, "norm": [0.3] * 21, "pool": [0.2] * 21}
    write_measurement(f"{count_cpu_cores()}", BFLOAT16_PROBE, 1.0)
    write_step_seconds(times, count_cpu_cores(), "float32", "channels_last")
    lines = [
        " ".join(line.strip("│┃ ").replace("│", "").split())
        for line in run_foveal(capsys, "doctor").splitlines()
    ]
    assert f"instruction set {describe_instruction_set()}" in lines
    assert any(line.startswith("compiler ") for line in lines)
    if unavailable_reason() is None and find_fastest_device() == "cpu":
        assert "kernels native (gate)" in lines
        start = lines.index("training step plain 200.0 ms")
        assert lines[start + 1] == "native gate 100.0 ms 0.50 of plain"
        assert lines[start + 2] == "native norm 300.0 ms 1.50 of plain"
