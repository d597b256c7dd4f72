"""Seeds of a study: consecutive from the first one, which is on record and never changes in a folder."""

from pathlib import Path

import pytest

from foveal.cli import main
from foveal.errors import UsageError
from foveal.records import read_design, read_study
from foveal.report.document import build_document
from foveal.study import Study, StudyConfig
from foveal.study.run_list import list_runs
from foveal.study.status import read_study_states
from study.small_study import change, read_rows

SECOND = change(seeds=1, first_seed=1)


@pytest.fixture(scope="module")
def second_seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of the second seed only, finished."""
    folder = tmp_path_factory.mktemp("second") / "study"
    Study.open(folder, SECOND).run(with_extras=False)
    return folder


def test_runs_are_those_of_a_study_that_begins_earlier(
    second_seed: Path, uninterrupted: Path
) -> None:
    later = [row for row in read_rows(uninterrupted) if row["seed"] == "1"]
    assert read_rows(second_seed) == later


def test_more_seeds_follow_the_first(second_seed: Path) -> None:
    study = Study.open(second_seed, change(seeds=3, first_seed=1))
    seeds = [run.config.seed for run in study.list_runs()]
    assert seeds == [1, 1, 2, 2, 3, 3]
    assert [run.config.seed for run in study.list_missing_runs()] == [2, 2, 3, 3]
    assert [run.config.seed for run in study.list_runs("2/2")] == [1, 2, 3]
    states = [(state.config.seed, state.state) for state in read_study_states(second_seed)]
    assert states == [(seed, "complete" if seed == 1 else "missing") for seed in seeds]
    design = read_design(second_seed)
    assert (design.first_seed, list(design.all_seeds), design.planned_seeds) == (1, [1, 2, 3], 1)
    assert design.run_count == 6
    assert len(read_study(second_seed).runs) == 2


def test_report_gives_the_first_seed(second_seed: Path) -> None:
    provenance = build_document(second_seed).sections
    assert "('first_seed', '1')" in repr(provenance)


@pytest.mark.parametrize(("there", "here"), [(1, 0), (0, 100)])
def test_another_first_seed_is_another_study(tmp_path: Path, there: int, here: int) -> None:
    Study.open(tmp_path, change(seeds=1, first_seed=there))
    with pytest.raises(UsageError, match=f"first_seed is {there} there and {here} here"):
        Study.open(tmp_path, change(seeds=1, first_seed=here))


def test_every_cell_of_a_grid_has_the_same_seeds(tmp_path: Path) -> None:
    grid = change(seeds=2, first_seed=7, grid={"learning_rate": [0.1, 0.05]})
    runs = Study.open(tmp_path, grid).list_runs()
    assert [run.config.seed for run in runs] == [7] * 4 + [8] * 4
    assert [run.folder for run in list_runs(read_design(tmp_path), tmp_path)] == [
        run.folder for run in runs
    ]


def test_a_record_without_a_first_seed_begins_at_zero(tmp_path: Path) -> None:
    Study.open(tmp_path, change(seeds=1))
    file = tmp_path / "study.toml"
    text = file.read_text()
    assert "first_seed = 0\n" in text
    file.write_text(text.replace("first_seed = 0\n", ""))
    assert read_design(tmp_path).first_seed == 0


def test_defaults_are_five_seeds_from_zero() -> None:
    assert (StudyConfig().seeds, StudyConfig().first_seed) == (5, 0)


def test_refuses_a_negative_first_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "--first-seed", "-1", "--out", "unused"]) == 2
    message = (
        "Parameter `first_seed` should be greater than or equal to 0. Found `first_seed = -1`."
    )
    assert message in " ".join(capsys.readouterr().err.split())
