"""The command line as its users meet it: output, exit codes, and one sentence when it cannot go on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from foveal.attention import Gate, available, registry
from foveal.cli import main

SMALL = [
    "--train-size", "100", "--test-size", "50", "--epochs", "1", "--batch-size", "50",
    "--device", "cpu", "--threads", "1", "--dtype", "float32",
]  # fmt: skip


def foveal(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "foveal", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_train_evaluate_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    command = ["train", *SMALL, "--attention", "cbam", "--out", str(out)]
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["run"] == str(out)
    assert printed["parameters"] == 2_205_348
    assert {"test_accuracy", "test_loss", "seconds", "images_per_second"} <= set(printed)

    assert main(["evaluate", str(out), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["test_accuracy"] == printed["test_accuracy"]
    assert len(measured["per_class"]) == 10

    assert main(["report", str(out), "--json"]) == 0
    assert Path(json.loads(capsys.readouterr().out)["report"]).is_file()


def test_ablate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "study"
    command = [
        "ablate",
        *SMALL,
        "--attention",
        "none,cbam",
        "--out",
        str(out),
        "--json",
        "--seeds",
    ]
    for seeds, trained in ("1", 2), ("1", 0), ("2", 2):
        assert main([*command, seeds]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["trained"] == trained
    assert len(printed["runs"]) == 4
    (comparison,) = printed["comparisons"]
    assert comparison["verdict"] == "undecided"
    assert comparison["interval"] is None
    assert (out / "report.html").is_file()
    assert main([*command[:-2], "--seeds", "2"]) == 0
    text = capsys.readouterr().out
    assert "undecided" in text
    assert "planned for 1 seed and evaluated at 2" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100 or str(out) in text


def test_flags_go_before_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "options.toml"
    file.write_text(
        'epochs = 7\ntrain_size = 100\ntest_size = 50\nattention = "channel"\nthreads = 1\n'
    )
    command = [
        "train",
        "--config",
        str(file),
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "run"),
        "--json",
    ]
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["epochs"], printed["variant"]) == (1, "channel")


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert sorted(printed["attention"]) == available()
    assert "convnet" in printed["models"]
    assert {"cifar10", "cifar100", "scenes"} <= set(printed["data"])
    assert main(["list"]) == 0
    assert "spatial" in capsys.readouterr().out


def test_a_module_registered_by_a_user_is_listed(
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

    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["attention"]["half"]
    assert listed["summary"] == "Weigh everything by one half."
    assert listed["options"] == {"share": 0.5}


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, file = tmp_path / "run", tmp_path / "model.pt2"
    assert main(["train", *SMALL, "--attention", "eca", "--out", str(run)]) == 0
    capsys.readouterr()
    assert main(["export", str(run), str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["max_logit_difference"] < 1e-4
    assert file.is_file()
    assert main(["export", str(run), str(tmp_path / "model.pkl")]) == 2


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["dtype"] in {"float32", "bfloat16"}
    assert printed["torch"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--data", "no/such/folder"], "no file or folder no/such/folder"),
        (["train", "--attention", "cabm"], "Did you mean 'cbam'"),
        (["ablate", "--attention", "none,cabm"], "Did you mean 'cbam'"),
        (["train", "--epochs", "0"], "Parameter `epochs` should be greater than or equal to 1."),
        (["train", "--epoch", "3"], "Did you mean --epochs?"),
        (["train", "--optimizer", "sdg"], "Parameter `optimizer` should be 'sgd' or 'adamw'"),
        (["train", "--config", "missing.toml"], "no file missing.toml"),
        (["trian"], "Did you mean 'train'?"),
        (["evaluate", "missing"], "missing is not a finished run"),
        (["report", "missing"], "missing"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_sentence_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    out = ["--out", "run"] if arguments[0] in {"train", "ablate"} else []
    assert main([*arguments, *out]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_another_config_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", *SMALL, "--out", str(tmp_path / "run")]
    assert main(command) == 0
    assert main([*command, "--seed", "1"]) == 2
    assert "seed is 0 there and 1 here" in capsys.readouterr().err


def test_exit_code_reaches_the_shell() -> None:
    assert foveal("train", "--epochs", "0", "--out", "run").returncode == 2
    assert foveal("--version").stdout.strip() == "0.1.0"


def test_a_traceback_is_there_for_those_who_ask() -> None:
    done = foveal("train", "--data", "missing/folder", "--out", "run", "--debug")
    assert "Traceback" in done.stderr
    assert done.returncode != 0
