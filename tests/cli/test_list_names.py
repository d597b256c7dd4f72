"""`foveal list` and `foveal doctor`."""

import json

import pytest
import torch
from torch import Tensor

from cli.cli_runs import run_foveal
from foveal.attention import Gate, available, registry


def test_lists_modules_models_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(run_foveal(capsys, "list", "--json"))
    assert sorted(content["attention"]) == available()
    assert content["attention"]["cbam"]["aliases"] == ["series", "cbam-paper"]
    assert content["attention"]["cbam-official"]["preset_of"] == "cbam"
    assert "convnet" in content["models"]
    assert {"cifar10", "cifar100", "scenes"} <= set(content["data"])
    text = run_foveal(capsys, "list")
    assert "spatial" in text
    assert "cbam-paper" in text


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
