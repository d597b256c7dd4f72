"""A study times the steps of all variants in turns, once, and changes no number by it."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from foveal.records import read_design, read_study
from foveal.study import Study, extras_registry, run_in_process
from study.small_study import change, read_rows


@pytest.fixture(autouse=True)
def without_other_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the extras of runs and variants, which are tested elsewhere."""
    monkeypatch.setattr(extras_registry, "RUN_EXTRAS", {})
    monkeypatch.setattr(extras_registry, "VARIANT_EXTRAS", {})


def test_times_are_measured_once_and_change_no_number(uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    kernels = read_design(uninterrupted).shared_options["kernels"]  # a probe may choose others
    record = Study.open(folder, change(seeds=1, kernels=kernels)).run()
    rows = read_rows(folder)
    expected = [row for row in read_rows(uninterrupted) if row["seed"] == "0"]
    assert [row["test_loss"] for row in rows] == [row["test_loss"] for row in expected]
    assert [each.variant for each in record.step_times] == ["none", "channel"]
    for each in record.step_times:
        assert each.cell == {}
        assert each.steps_per_epoch == 120 / 32
        assert 0 < each.quartiles[0] <= each.step_seconds <= each.quartiles[1]
    # More seeds keep the times; a new variant has all of them measured again.
    assert Study.open(folder, change(seeds=2)).run().step_times == record.step_times
    extended = Study.open(folder, change(attention="none,spatial", seeds=1)).run()
    assert [each.variant for each in extended.step_times] == ["none", "channel", "spatial"]
    assert all(each not in extended.step_times for each in record.step_times)


def test_study_that_trains_nothing_has_none(uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(uninterrupted, folder)
    assert Study.open(folder, change()).run().step_times == ()


def test_each_cell_has_its_times_and_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    config = change(attention="none", epochs=1, seeds=1, grid={"batch_size": [32, 60]})
    study = Study.open(folder, config)
    (folder / "step_times.json").write_text("{")
    study.run(
        partial(run_in_process)
    )  # any other executor has them measured in a process of its own
    cells = list(read_study(folder).split_by_cell())
    assert [each.steps_per_epoch for cell in cells for each in cell.step_times] == [3.75, 2.0]
