"""Trained runs are found by folder, variant and seed."""

from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.inspection import TrainedRun, find_trained_runs
from foveal.study import Study
from study.small_study import change


def list_names(runs: list[TrainedRun]) -> list[tuple[str, int]]:
    return [(run.name, run.seed) for run in runs]


def test_runs_of_studies_and_run_folders(folder: Path, runs: list[TrainedRun]) -> None:
    assert list_names(runs) == [("none", 0), ("none", 1), ("cbam", 0), ("cbam", 1)]
    (run,) = find_trained_runs([runs[3].folder])
    assert (run.name, run.seed, run.folder) == ("cbam", 1, runs[3].folder)
    selected = find_trained_runs([folder], variants=["cbam", "none"], seeds=[1])
    assert list_names(selected) == [("cbam", 1), ("none", 1)]
    assert list_names(find_trained_runs([folder], variants=["CBAM"])) == [("cbam", 0), ("cbam", 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variants": ["channel"]}, "`variants` should be of none, cbam"),
        ({"seeds": [7]}, "`seeds` should be of 0, 1"),
    ],
)
def test_refuses_unknown_variants_and_seeds(
    folder: Path, options: dict[str, list[int]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_trained_runs([folder], **options)  # type: ignore[arg-type]


def test_refuses_runs_of_different_images(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    config = change(attention="none", seeds=1, test_size=90, epochs=1)
    Study.open(other, config).run(with_extras=False)
    with pytest.raises(UsageError, match="were tested on different images"):
        find_trained_runs([folder, other])


def test_runs_that_differ_in_more_than_the_seed_have_different_names(
    folder: Path, runs: list[TrainedRun], tmp_path: Path
) -> None:
    shorter = tmp_path / "shorter"
    config = change(attention="none", seeds=1, test_size=100, epochs=1)
    Study.open(shorter, config).run(with_extras=False)
    found = find_trained_runs([folder, shorter, runs[0].folder])
    assert list_names(found) == [
        ("none in study", 0), ("none in study", 1), ("cbam", 0), ("cbam", 1), ("none in shorter", 0),
    ]  # fmt: skip
    assert len({run.key for run in found}) == 5
    selected = find_trained_runs([folder, shorter], variants=["none"], seeds=[0])
    assert [run.name for run in selected] == ["none in study", "none in shorter"]
