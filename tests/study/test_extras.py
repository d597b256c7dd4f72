"""The one hook by which a run and a study leave more than accuracy."""

from pathlib import Path

import numpy as np
import pytest

from foveal.records import Arrays, read_extras, read_run, read_study
from foveal.study import RunConfig, Study, extras
from foveal.study.training_job import TrainingJob
from foveal.training import TrainingResult
from study.small_study import changed


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_weights(job: TrainingJob, training: TrainingResult) -> Arrays:
        weight = next(training.model.parameters()).detach().numpy()
        return {"weight": weight, "seed": np.array(job.config.seed)}

    def length(config: RunConfig, _: Path) -> Arrays:
        return {"length": np.array(len(config.attention))}

    monkeypatch.setitem(extras.RUN_EXTRAS, "first", first_weights)
    monkeypatch.setitem(extras.VARIANT_EXTRAS, "length", length)


def test_they_stand_in_the_records(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", changed(seeds=1))
    record = study.run()
    for run in record.runs:
        assert run.extras["first"]["weight"].shape == (32, 3, 3, 3)
        assert run.extras["first"]["seed"] == run.results["seed"]
    found = read_study(tmp_path / "study").extras
    names = [f"length-{run.folder.name}" for run in record.runs]
    assert [int(found[name]["length"]) for name in names] == [4, 7]


def test_a_variant_that_is_added_gets_its_own(tmp_path: Path) -> None:
    Study.open(tmp_path / "study", changed(seeds=1)).run()
    more = changed(seeds=2, attention="none,channel,spatial")
    Study.open(tmp_path / "study", more).run()
    extras_of = read_study(tmp_path / "study").extras
    assert sum(name.startswith("length-") for name in extras_of) == 3


def test_they_are_sealed_with_the_run(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", changed(seeds=1, attention="none"))
    study.run()
    ((_, folder),) = study.list_runs()
    (folder / "extras" / "first.npz").write_bytes(b"")
    assert "extras/first.npz" in study.quarantine_damaged_runs()[0]


def test_they_can_be_left_out(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", changed(seeds=1, attention="none"))
    study.run(with_extras=False)
    ((_, folder),) = study.list_runs()
    assert read_run(folder).extras == {}
    assert read_extras(tmp_path / "study") == {}
