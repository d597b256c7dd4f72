"""Each form of runs, read from files as the program in question wrote them."""

import importlib.util
import json
import math
import tomllib
from pathlib import Path
from shutil import copytree

import pytest
import tomli_w

from analysis.other_runs import OTHER_RUNS, copy_runs, judge_source, list_kinds, read_runs
from foveal.analysis.run_tables import read_table_file
from foveal.errors import UsageError
from foveal.optional_imports import MissingPackageError
from foveal.records import read_study
from foveal.stats import judge

HUGGING_FACE = OTHER_RUNS / "hugging_face"
STORED_STUDY = Path(__file__).parents[1] / "records" / "stored_study"


def test_lightning_is_judged_by_its_test_metric() -> None:
    source = read_runs(OTHER_RUNS / "lightning")
    assert source.column_names["value_column"] == "test_acc"
    assert source.columns["variant"] == ["none"] * 3 + ["cbam"] * 3
    assert source.columns["seed"] == [0, 1, 2, 0, 1, 2]
    for version, value in enumerate(source.columns["test_acc"]):
        path = OTHER_RUNS / "lightning" / "lightning_logs" / f"version_{version}" / "metrics.csv"
        columns = read_table_file(path)
        (tested,) = [float(cell) for cell in columns["test_acc"] if cell]
        assert value == tested
        validated = [float(cell) for cell in columns["val_acc"] if cell]
        other = read_runs(OTHER_RUNS / "lightning", value_column="val_acc")
        assert other.columns["val_acc"][version] == validated[-1]
        assert len(validated) == 3
    assert not source.suspicions


def test_an_untested_run_of_lightning_needs_all_its_epochs(tmp_path: Path) -> None:
    folder = copy_runs("lightning", tmp_path)
    for path in folder.rglob("metrics.csv"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:-1], ""]))
        hparams = path.with_name("hparams.yaml")
        hparams.write_text(
            f"{hparams.read_text()}max_epochs: 3\noptimizer: !!python/name:torch.SGD\n"
        )
    assert read_runs(folder).column_names["value_column"] == "val_acc"
    assert list_kinds(folder) == []
    path.write_text("\n".join([*lines[:7], ""]))
    (suspicion,) = read_runs(folder).suspicions
    assert suspicion.kind == "unfinished runs"
    assert "(2 of 3 epochs)" in suspicion.text


def test_runs_without_plan_are_compared_in_length(tmp_path: Path) -> None:
    folder = copy_runs("lightning", tmp_path)
    path = folder / "lightning_logs" / "version_1" / "metrics.csv"
    path.write_text("\n".join([*path.read_text().splitlines()[:7], ""]))
    (suspicion,) = read_runs(folder, value_column="val_acc").suspicions
    assert suspicion.kind == "different settings"
    assert "lightning_logs/version_1 at 1" in suspicion.text


def test_hugging_face_is_judged_by_its_last_evaluation() -> None:
    source = read_runs(HUGGING_FACE)
    assert source.column_names["value_column"] == "eval_accuracy"
    assert source.columns["variant"] == ["cbam"] * 3 + ["none"] * 3
    assert source.columns["seed"] == [0, 1, 2, 0, 1, 2]
    state = json.loads((HUGGING_FACE / "none/seed1/checkpoint-16/trainer_state.json").read_text())
    accuracies = [row["eval_accuracy"] for row in state["log_history"] if "eval_accuracy" in row]
    assert source.columns["eval_accuracy"][4] == accuracies[-1] != accuracies[0]
    (suspicion,) = source.suspicions
    assert suspicion.text.startswith("The runs differ in epochs: 3 (cbam) and 2 (none).")


def test_an_interrupted_run_of_hugging_face_is_left_out(tmp_path: Path) -> None:
    folder = copy_runs("hugging_face", tmp_path)
    (folder / "none/seed1/checkpoint-16/trainer_state.json").unlink()
    assert "none/seed1 (8 of 16 steps)" in read_runs(folder).suspicions[0].text
    path = folder / "none/seed1/checkpoint-8/trainer_state.json"
    state = json.loads(path.read_text())
    state["stateful_callbacks"]["EarlyStoppingCallback"] = {
        "args": {"early_stopping_patience": 1, "early_stopping_threshold": 0.0},
        "attributes": {"early_stopping_patience_counter": 1},
    }
    state["best_metric"] = 0.6
    path.write_text(json.dumps(state))
    assert "unfinished runs" not in list_kinds(folder)
    path.write_text("{")
    assert "(trainer_state.json is not JSON)" in read_runs(folder).suspicions[0].text


@pytest.mark.parametrize("name", ["runs.csv", "search_runs.csv"])
def test_exports_of_mlflow(name: str) -> None:
    source = read_runs(OTHER_RUNS / "mlflow" / name)
    prefix = "metrics." if name == "search_runs.csv" else ""
    assert source.column_names["value_column"] == f"{prefix}val_acc"
    assert source.columns["variant"] == ["cbam"] * 4 + ["none"] * 4
    assert source.columns["seed"] == [3, 2, 1, 0, 3, 2, 1, 0]
    (suspicion,) = source.suspicions
    assert "1 of 9 runs, cbam-4 (state failed)" in suspicion.text
    assert judge_source(source).comparisons[0].verdict == "better"
    best = f"{prefix}best_val_acc"
    with pytest.raises(UsageError, match="is a best epoch"):
        judge_source(read_runs(OTHER_RUNS / "mlflow" / name, value_column=best))
    assert judge_source(
        read_runs(OTHER_RUNS / "mlflow" / name, value_column=best, allow_best=True)
    ).is_best
    with pytest.raises(UsageError, match="no metric 'val_accuracy'"):
        read_runs(OTHER_RUNS / "mlflow" / name, value_column="val_accuracy")


def test_exports_of_weights_and_biases() -> None:
    table = read_runs(OTHER_RUNS / "wandb" / "runs.csv")
    history = read_runs(OTHER_RUNS / "wandb" / "history.csv")
    assert [each.kind for each in table.suspicions] == ["unfinished runs"]
    assert "cbam-4 (state crashed)" in table.suspicions[0].text
    assert "cbam-4 at 0" in history.suspicions[0].text
    rows = [row for row, seed in enumerate(history.columns["seed"]) if seed != 4]
    for name in ("variant", "seed"):
        assert [history.columns[name][row] for row in rows] == table.columns[name]
    values = [history.columns["val_acc"][row] for row in rows]
    assert values == pytest.approx(table.columns["val_acc"], abs=1e-6)


def test_event_files_of_tensorboard() -> None:
    pytest.importorskip("tensorboard", reason="tensorboard reads its event files")
    source = read_runs(OTHER_RUNS / "tensorboard")
    assert source.column_names["value_column"] == "val_acc"
    assert source.columns["variant"] == ["cbam"] * 3 + ["none"] * 3
    assert source.columns["seed"] == [0, 1, 2, 0, 1, 2]
    logged = read_runs(OTHER_RUNS / "lightning", value_column="val_acc")
    by_run = {
        (variant, seed): value
        for variant, seed, value in zip(
            logged.columns["variant"],
            logged.columns["seed"],
            logged.columns["val_acc"],
            strict=True,
        )
    }
    for variant, seed, value in zip(
        source.columns["variant"], source.columns["seed"], source.columns["val_acc"], strict=True
    ):
        assert math.isclose(value, by_run[variant, seed], rel_tol=1e-6)


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is not None, reason="it is installed")
def test_event_files_name_the_package_that_reads_them() -> None:
    with pytest.raises(MissingPackageError, match='pip install "tensorboard"'):
        read_runs(OTHER_RUNS / "tensorboard")


def test_a_study_is_judged_by_its_records(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a sequential study"):
        read_runs(STORED_STUDY)
    folder = Path(copytree(STORED_STUDY, tmp_path / "study"))
    path = folder / "study.toml"
    content = tomllib.loads(path.read_text())
    path.write_text(tomli_w.dumps({**content, "looks": []}))
    source = read_runs(folder)
    runs = read_study(folder).runs
    judgment = judge_source(source)
    expected = judge(
        {
            "variant": [run.results["variant"] for run in runs],
            "seed": [run.results["seed"] for run in runs],
            "test_accuracy": [run.results["test_accuracy"] for run in runs],
        },
        chance=source.chance,
        test_images=source.test_images,
    )
    assert judgment.comparisons == expected.comparisons
    assert source.test_images == len(runs[0].predictions["labels"])
