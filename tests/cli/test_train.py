"""`foveal train` and the commands on a finished run: evaluate, report, export."""

import json
from pathlib import Path

import pytest

from cli.cli_runs import SMALL_RUN, run_foveal
from foveal.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("train") / "run"


@pytest.fixture(scope="module")
def results(run: Path) -> dict[str, object]:
    """Train a run and return the JSON output of `foveal train`."""
    capture = pytest.MonkeyPatch()
    printed: list[object] = []
    capture.setattr("foveal.cli.train.print_json", printed.append)
    assert (
        main(
            [
                "train",
                *SMALL_RUN,
                "--device",
                "cpu",
                "--attention",
                "cbam",
                "--out",
                str(run),
                "--json",
            ]
        )
        == 0
    )
    capture.undo()
    (content,) = printed
    assert isinstance(content, dict)
    return content


def test_train_prints_the_results(run: Path, results: dict[str, object]) -> None:
    assert results["run"] == str(run)
    assert results["parameters"] == 2_205_348
    assert {"test_accuracy", "test_loss", "seconds", "images_per_second"} <= set(results)


def test_text_gives_epochs_and_the_accuracy_of_guessing(
    run: Path, results: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.parent / "text"
    assert main(["train", *SMALL_RUN, "--attention", "cbam", "--out", str(folder)]) == 0
    captured = capsys.readouterr()
    accuracy = f"{results['test_accuracy']:.2%}"
    first_line, heading, epoch = captured.err.splitlines()
    assert first_line.startswith("convnet, scenes, cbam, seed 0: 1 run of 1 epoch, in ")
    assert heading.split() == [
        "epoch",
        "train",
        "loss",
        "accuracy",
        "test",
        "loss",
        "accuracy",
        "time",
    ]
    assert epoch.split()[0] == "1/1"
    assert epoch.split()[4] == accuracy
    answer, _, last = captured.out.splitlines()
    assert answer == (
        f"cbam, seed 0: test accuracy {accuracy} after 1 epoch; guessing reaches 10.00%"
    )
    assert last.startswith(f"Run: {folder}: weights in model/")
    assert all((folder / name).exists() for name in ("model", "metrics.csv", "predictions.npz"))


def test_evaluate_repeats_the_accuracy(
    run: Path, results: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = json.loads(run_foveal(capsys, "evaluate", str(run), "--json"))
    assert metrics["test_accuracy"] == results["test_accuracy"]
    assert len(metrics["per_class"]) == 10


@pytest.mark.usefixtures("results")
def test_report_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Path(json.loads(run_foveal(capsys, "report", str(run), "--json"))["report"]).is_file()


@pytest.mark.usefixtures("results")
def test_export_writes_and_checks_the_network(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.pt2"
    content = json.loads(run_foveal(capsys, "export", str(run), str(file), "--json"))
    assert content["max_logit_difference"] < 1e-4
    assert file.is_file()
    assert main(["export", str(run), str(tmp_path / "model.pkl")]) == 2


@pytest.mark.usefixtures("results")
def test_refuses_a_folder_with_another_config(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "train",
        *SMALL_RUN,
        "--device",
        "cpu",
        "--attention",
        "cbam",
        "--out",
        str(run),
        "--seed",
        "1",
    ]
    assert main(command) == 2
    assert "seed is 0 there and 1 here" in capsys.readouterr().err
