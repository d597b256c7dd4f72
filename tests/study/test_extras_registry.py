"""Registered extras are stored with runs and variants."""

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.records import Arrays, read_extras, read_run, read_study
from foveal.study import RunConfig, Study, extras_registry
from foveal.study.training_job import TrainingJob
from foveal.training import TrainingResult
from study.small_study import change


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the extras of runs and variants by cheap ones."""

    def compute_weight(job: TrainingJob, training: TrainingResult) -> Arrays:
        weight = next(training.model.parameters()).detach().numpy()
        return {"weight": weight, "seed": np.array(job.config.seed)}

    def compute_length(config: RunConfig) -> Arrays:
        return {"length": np.array(len(config.attention))}

    monkeypatch.setattr(extras_registry, "RUN_EXTRAS", {"first": compute_weight})
    monkeypatch.setattr(extras_registry, "VARIANT_EXTRAS", {"length": compute_length})


def test_extras_are_in_the_records_of_runs_and_variants(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", change(seeds=1, epochs=1))
    record = study.run()
    for run in record.runs:
        assert run.extras["first"]["weight"].shape == (32, 3, 3, 3)
        assert run.extras["first"]["seed"] == run.results["seed"]
    stored = read_study(tmp_path / "study").extras
    names = [f"length-{run.folder.name}" for run in record.runs]
    assert [int(stored[name]["length"]) for name in names] == [4, 7]
    more = change(seeds=2, epochs=1, attention="none,channel,spatial")
    Study.open(tmp_path / "study", more).run()
    stored = read_study(tmp_path / "study").extras
    assert sum(name.startswith("length-") for name in stored) == 3


def test_extras_are_chosen_by_name() -> None:
    assert extras_registry.select_run_extras(("first",)) == ("first",)
    assert extras_registry.select_run_extras(True) == ("first",)
    with pytest.raises(UsageError, match="There is no extra 'maps'"):
        extras_registry.select_run_extras(["first", "maps"])


def test_damaged_extra_is_found(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", change(seeds=1, epochs=1, attention="none"))
    study.run()
    (run,) = study.list_runs()
    (run.folder / "extras" / "first.npz").write_bytes(b"")
    assert "extras/first.npz" in study.quarantine_damaged_runs()[0]


def test_extras_can_be_left_out(tmp_path: Path) -> None:
    study = Study.open(tmp_path / "study", change(seeds=1, epochs=1, attention="none"))
    study.run(with_extras=False)
    (run,) = study.list_runs()
    assert read_run(run.folder).extras == {}
    assert read_extras(tmp_path / "study") == {}
