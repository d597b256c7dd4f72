"""A run folder is complete or absent, and belongs to one config."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.atomic import get_partial_path
from foveal.data import load_data
from foveal.errors import UsageError
from foveal.inspection import evaluate_run
from foveal.models import load_model
from foveal.records import read_run
from foveal.study import Progress, RunConfig, run

SMALL = RunConfig(
    data="scenes", train_size=120, test_size=60, epochs=2, batch_size=32, attention="channel",
    device="cpu", threads=1, dtype="float32",
)  # fmt: skip


class StoppedError(Exception):
    pass


class StopAfterFirstEpoch(Progress):
    def on_step(self, step: int, steps: int) -> None:
        if step > steps // 2:
            raise StoppedError


def change(**options: object) -> RunConfig:
    return SMALL.model_copy(update=options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "channel"
    run(SMALL, path)
    return path


def test_files_of_a_run(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.toml", "environment.json", "extras", "manifest.json", "metrics.csv", "model",
        "predictions.npz", "results.json", "training_batch.npz",
    ]  # fmt: skip
    assert not get_partial_path(folder).exists()


def test_record_is_consistent(folder: Path) -> None:
    record = read_run(folder)
    assert record.results["test_accuracy"] == record.metrics["test_accuracy"][-1]
    correct = record.predictions["correct"]
    assert correct.mean() == record.results["test_accuracy"]
    np.testing.assert_array_equal(
        record.predictions["predicted"] == record.predictions["labels"], correct
    )
    assert record.predictions["confusion"].trace() == correct.sum()
    assert record.training_batch["images"].shape == (40, 32, 32, 3)
    weights = load_model(folder / "model").parameters()
    assert record.results["parameters"] == sum(p.numel() for p in weights)


def test_scores_of_single_images_are_stored(folder: Path) -> None:
    record = read_run(folder)
    predictions, results = record.predictions, record.results
    for prefix in ("", "averaged_"):
        log_loss, brier = predictions[f"{prefix}log_loss"], predictions[f"{prefix}brier"]
        assert log_loss.dtype == brier.dtype == np.float16
        assert log_loss.mean(dtype=float) == pytest.approx(results[f"{prefix}test_loss"], rel=2e-3)
        correct = predictions[f"{prefix}predicted"] == predictions["labels"]
        assert correct.mean() == results[f"{prefix}test_accuracy"]
        assert 0 <= brier.min() <= brier.max() <= 2
    stored = np.load(folder / "model" / "log_probabilities.npz")["log_probabilities"]
    of_labels = stored[np.arange(len(stored)), predictions["labels"]]
    np.testing.assert_array_equal(of_labels, -predictions["log_loss"])


def test_run_without_weights_is_complete(folder: Path, tmp_path: Path) -> None:
    light = tmp_path / "light"
    record = run(SMALL, light, with_extras=False, keep_weights=False)
    assert not (light / "model").exists()
    expected = read_run(folder)
    for name in ("test_accuracy", "test_loss", "averaged_test_loss"):
        assert record.results[name] == expected.results[name]
    assert run(SMALL, light).results == record.results  # it is read, not trained again
    with pytest.raises(UsageError, match="stored without its weights"):
        evaluate_run(light)


def test_config_is_resolved(folder: Path) -> None:
    config = tomllib.loads((folder / "config.toml").read_text())
    assert config["memory_format"] == "channels_last"
    assert config["data_checksum"] == load_data("scenes", train_size=120, test_size=60).checksum


def test_stored_weights_have_the_recorded_accuracy(folder: Path) -> None:
    assert evaluate_run(folder).accuracy == read_run(folder).results["test_accuracy"]


def test_finished_run_is_read_not_trained_again(folder: Path) -> None:
    before = (folder / "results.json").stat().st_mtime_ns
    record = run(SMALL, folder)
    assert (folder / "results.json").stat().st_mtime_ns == before
    assert record.results == json.loads((folder / "results.json").read_text())


def test_other_spelling_of_the_variant_is_the_same_run(folder: Path) -> None:
    record = run(change(attention="ChannelAttention:reduction=16"), folder)
    assert record.config["attention"] == "channel"


def test_refuses_another_config_with_its_difference(folder: Path) -> None:
    with pytest.raises(UsageError, match="epochs is 2 there and 3 here"):
        run(change(epochs=3), folder)


def test_automatic_numerics_are_those_on_disk(folder: Path) -> None:
    assert run(change(dtype="auto", threads=0), folder).config["dtype"] == "float32"


def test_interrupted_run_ends_with_the_same_results(folder: Path, tmp_path: Path) -> None:
    interrupted = tmp_path / "interrupted"
    with pytest.raises(StoppedError):
        run(SMALL, interrupted, progress=StopAfterFirstEpoch())
    assert not interrupted.exists()
    with pytest.raises(UsageError, match="Add --resume"):
        run(SMALL, interrupted)
    resumed, expected = run(SMALL, interrupted, resume=True, with_extras=False), read_run(folder)
    for name in ("test_accuracy", "test_loss", "train_accuracy", "train_loss"):
        assert resumed.results[name] == expected.results[name]
    state, expected_state = (
        load_model(path / "model").state_dict() for path in (interrupted, folder)
    )
    assert all(torch.equal(state[key], expected_state[key]) for key in expected_state)


def test_stored_config_repeats_the_run(folder: Path, tmp_path: Path) -> None:
    stored = tomllib.loads((folder / "config.toml").read_text())
    assert stored.pop("schema") == 2
    record = run(RunConfig(**stored), tmp_path / "repeated", with_extras=False)
    assert record.results["test_loss"] == read_run(folder).results["test_loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "no/such/folder"}, "no file or folder no/such/folder"),
        ({"data": "scens"}, "Did you mean"),
        ({"attention": "cbma"}, "Did you mean 'cbam'"),
        ({"model": "convnett"}, "Did you mean 'convnet'"),
        ({"data_checksum": "0" * 16}, "other images"),
    ],
    ids=str,
)
def test_impossible_request_writes_nothing(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(change(**options), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is not a run"):
        run(SMALL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_key_depends_on_options_that_change_the_result() -> None:
    assert SMALL.key == change(data="/elsewhere").key
    others = {"seed": 1, "epochs": 3, "attention": "none", "threads": 2, "dtype": "bfloat16"}
    keys = {change(**{name: value}).key for name, value in others.items()}
    assert len(keys | {SMALL.key}) == 6
    assert SMALL.key_without_seed == change(seed=1).key_without_seed != change(seed=1).key
