"""Trackers: what they get, that none stops a run, and their files, read back by their own libraries."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import foveal.study.trackers.log
from foveal.analysis import compare_cell_variants, write_cell_answer
from foveal.cli import main
from foveal.errors import UsageError
from foveal.records import StudyRecord
from foveal.study import RunConfig, Study
from foveal.study.trackers import (
    LogPlace,
    RunLog,
    SafeLog,
    log_verdicts,
    open_trackers,
    parse_trackers,
)
from study.list_tracker import LOGGED
from study.small_study import change, read_rows

ONE_SEED = change(seeds=1)


@pytest.fixture
def test_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, attribute in (("list", "ListTracker"), ("failing", "FailingTracker")):
        place = ("study.list_tracker", attribute)
        monkeypatch.setitem(foveal.study.trackers.log.TRACKERS, name, place)
    LOGGED.clear()


def require(name: str) -> None:
    """Skip a test if the library of a tracker is not installed."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed; pip install foveal[{name}]")


def test_trackers_get_curves_final_values_and_verdicts_and_stop_no_run(
    tmp_path: Path, test_trackers: None
) -> None:
    assert parse_trackers(" List, failing") == ("list", "failing")
    with pytest.warns(UserWarning, match="Logging to failing stopped, training goes on") as caught:
        record = Study.open(tmp_path / "a", ONE_SEED).run(
            with_extras=False, trackers=("failing", "list")
        )
    assert [str(each.message) for each in caught] == [
        "Logging to failing stopped, training goes on (no server answers)."
    ]
    for run in record.runs:
        own = [(kind, content) for name, kind, content in LOGGED if name == run.folder.name]
        assert [kind for kind, _ in own] == ["options", "values", "values", "values", "close"]
        assert own[0][1]["learning_rate"] == run.config["learning_rate"]
        curves = [values["test_accuracy"] for _, (_, values) in own[1:3]]
        assert curves == run.metrics["test_accuracy"].tolist()
        step, final = own[3][1]
        assert step == 2
        assert final["final/test_accuracy"] == run.results["test_accuracy"]
        assert "final/seed" not in final
        assert own[4][1] is True
    (text,) = [content for name, kind, content in LOGGED if (name, kind) == ("verdicts", "text")]
    (cell,) = record.split_by_cell()
    assert write_cell_answer(cell, compare_cell_variants(cell)).text in text
    Study.open(tmp_path / "b", ONE_SEED).run(with_extras=False)
    assert read_rows(tmp_path / "a") == read_rows(tmp_path / "b")
    assert sorted(run.folder.name for run in record.runs) == sorted(
        path.name for path in (tmp_path / "b" / "runs").iterdir()
    )


def test_interrupted_run_is_left_unfinished(tmp_path: Path, test_trackers: None) -> None:
    def interrupt_run() -> None:
        with RunLog(("list",), LogPlace(tmp_path, "study", "run")) as log:
            log.on_run_start(RunConfig())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt_run()
    assert LOGGED[-1] == ("run", "close", False)


def test_unknown_and_missing_trackers_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "options.toml"
    config.write_text('log = "tensorbord"\n')
    for command in "train", "ablate":
        assert main([command, "--config", str(config), "--out", str(tmp_path / "run")]) == 2
        assert "Did you mean 'tensorboard'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    if importlib.util.find_spec("tensorboard") is not None:
        pytest.skip("tensorboard is installed")
    with pytest.raises(UsageError, match=r'pip install "foveal\[tensorboard\]"'):
        parse_trackers("tensorboard")


def log_study(folder: Path, tracker: str) -> StudyRecord:
    """Train a small study with a tracker, and return its record."""
    return Study.open(folder, ONE_SEED).run(with_extras=False, trackers=(tracker,))


def test_tensorboard_reads_back_what_was_logged(tmp_path: Path) -> None:
    require("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = log_study(tmp_path / "study", "tensorboard")
    for run in record.runs:
        events = EventAccumulator(str(record.folder / "tensorboard" / run.folder.name))
        events.Reload()
        for name in "test_accuracy", "train_loss", "learning_rate":
            scalars = events.Scalars(name)
            assert [scalar.step for scalar in scalars] == [1, 2]
            assert [scalar.value for scalar in scalars] == pytest.approx(run.metrics[name].tolist())
        (final,) = events.Scalars("final/test_accuracy")
        assert final.value == pytest.approx(run.results["test_accuracy"])
    events = EventAccumulator(str(record.folder / "tensorboard" / "verdicts"))
    events.Reload()
    (event,) = events.Tensors("verdicts/text_summary")
    assert b"one run per variant says nothing" in event.tensor_proto.string_val[0]
    (difference,) = events.Scalars("difference in points/channel")
    accuracies = record.accuracies
    assert difference.value == pytest.approx(
        100 * (accuracies["channel"][0] - accuracies["none"][0]), abs=1e-4
    )


def test_mlflow_reads_back_what_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    from mlflow import MlflowClient

    record = log_study(tmp_path / "study", "mlflow")
    client = MlflowClient()
    experiment = client.get_experiment_by_name("study")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {*(run.folder.name for run in record.runs), "verdicts"}
    for run in record.runs:
        logged = runs[run.folder.name]
        assert logged.info.status == "FINISHED"
        history = client.get_metric_history(logged.info.run_id, "test_accuracy")
        assert {each.step: each.value for each in history} == dict(
            enumerate(run.metrics["test_accuracy"].tolist(), 1)
        )
        assert logged.data.metrics["final/test_loss"] == run.results["test_loss"]
        assert logged.data.params["attention"] == run.config["attention"]
    note = runs["verdicts"].data.tags["mlflow.note.content"]
    assert "one run per variant says nothing" in note
    assert "difference in points/channel" in runs["verdicts"].data.metrics
    # An interrupted run is continued, a finished one is not.
    for is_finished in (False, True, True):
        log = SafeLog(("mlflow",), LogPlace(tmp_path, "again", "run"))
        log.log_values({"a:b=1": 1.0}, 1)
        log.close(is_finished=is_finished)
        assert log.warnings == []
    again = client.get_experiment_by_name("again")
    assert again is not None
    assert len(client.search_runs([again.experiment_id])) == 2


def test_server_that_does_not_answer_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    working, (warning,) = open_trackers(tmp_path, ("mlflow",))
    assert working == ()
    assert "\n" not in warning
    assert warning.startswith("Logging to mlflow stopped, training goes on (")


def test_verdicts_of_an_unfinished_study_are_logged(tmp_path: Path, test_trackers: None) -> None:
    record = Study.open(tmp_path / "study", ONE_SEED).read_finished()
    assert log_verdicts(record, ("list",)) == []
    assert "There is nothing to compare yet" in LOGGED[0][2]
