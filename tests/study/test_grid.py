"""A study repeated for each value of an option: its cells, what shares the error rate, its table."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from foveal.analysis import compare_with_baseline
from foveal.errors import UsageError
from foveal.records import read_study, write_design
from foveal.report.document import build_document
from foveal.study import RunConfig, Study, StudyConfig
from study.small_study import SMALL, changed, rows

GRID = changed(
    seeds=1, epochs=1, grid={"learning_rate": [0.1, 0.05], "data": "scenes,scenes:clutter=0.25"}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "study"
    Study.open(path, GRID).run()
    return path


def test_every_combination_is_run(folder: Path) -> None:
    found = rows(folder)
    assert list(found[0])[:4] == ["learning_rate", "data", "variant", "seed"]
    assert [(r["learning_rate"], r["data"], r["variant"]) for r in found] == [
        (rate, data, variant)
        for rate in ("0.1", "0.05")
        for data in ("scenes", "scenes:clutter=0.25")
        for variant in ("none", "channel")
    ]


def test_a_cell_is_what_a_study_of_its_own_is(folder: Path, tmp_path: Path) -> None:
    alone = changed(seeds=1, epochs=1, learning_rate=0.05, data="scenes:clutter=0.25")
    Study.open(tmp_path / "alone", alone).run()
    for mine, theirs in zip(rows(folder)[-2:], rows(tmp_path / "alone"), strict=True):
        assert mine.items() >= theirs.items()


def test_all_comparisons_share_the_error_rate(folder: Path) -> None:
    parts = list(read_study(folder).split_by_cell())
    assert [part.cell.label for part in parts if part.cell] == [
        f"learning_rate={rate}, data={data}"
        for rate in (0.1, 0.05)
        for data in ("scenes", "scenes:clutter=0.25")
    ]
    for part in parts:
        (found,) = compare_with_baseline(part)
        assert found.level == pytest.approx(1 - 0.05 / 4)
        difference = part.accuracies["channel"][0] - part.accuracies["none"][0]
        assert found.difference == difference


def test_the_page_has_a_section_a_cell(folder: Path) -> None:
    content = build_document(folder)
    assert content.title == "Does attention help in 4 settings?"
    results = [one.title for one in content.sections if one.name.startswith("result")]
    assert len(results) == 4
    assert "Results: learning_rate=0.05, data=scenes:clutter=0.25" in results


def test_a_cell_may_be_added_and_trains_only_what_is_new(folder: Path) -> None:
    more = GRID.model_copy(update={"grid": {"learning_rate": [0.2], "data": ["scenes"]}})
    study = Study.open(folder, more)
    assert len(study.list_missing_runs()) == 2
    study.run()
    assert len(read_study(folder).runs) == 10


def test_other_options_in_the_grid_are_another_study(folder: Path) -> None:
    with pytest.raises(UsageError, match="options of the grid"):
        Study.open(folder, changed(seeds=1, epochs=1, grid={"model": ["convnet"]}))
    with pytest.raises(UsageError, match="options of the grid"):
        Study.open(folder, changed(seeds=1, epochs=1))


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"modell": "convnet"}, "Did you mean 'model'"),
        ({"model": "convnet,convnet"}, "a list of different values"),
        ({"model": []}, "a list of different values"),
        ({"epochs": "0,1"}, "greater than or equal to 1"),
        ({"threads": "1,2"}, "no option for a grid 'threads'"),
    ],
    ids=str,
)
def test_a_grid_that_is_none(grid: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        StudyConfig(grid=grid)


def test_the_same_images_by_two_names_are_one_setting(tmp_path: Path) -> None:
    config = changed(grid={"data": "scenes,scenes:clutter=0.5"})
    with pytest.raises(UsageError, match=r"data=scenes and data=scenes:clutter=0.5 are the same"):
        Study.open(tmp_path / "study", config)
    assert list(tmp_path.iterdir()) == []


def test_values_are_read_as_the_option_reads_them() -> None:
    grid = StudyConfig(grid={"learning-rate": "0.1,5e-2", "epochs": [1, "2"]}).grid
    assert grid == {"learning_rate": [0.1, 0.05], "epochs": [1, 2]}


def test_runs_of_a_cell_have_its_values(folder: Path) -> None:
    configs = [config for config, _ in Study.open(folder, GRID).list_runs()]
    assert all(isinstance(config, RunConfig) for config in configs)
    assert {(config.learning_rate, config.data) for config in configs} == {
        (rate, data) for rate in (0.1, 0.05) for data in ("scenes", "scenes:clutter=0.25")
    }
    assert {config.epochs for config in configs} == {SMALL.epochs - 1}


def test_a_grid_over_epochs_keeps_its_controls_apart(tmp_path: Path) -> None:
    config = changed(seeds=1, grid={"epochs": [1, 2]}, same_time=True)
    study = Study.open(tmp_path / "study", config)
    cells = tuple(
        replace(cell, epochs={"same-time:like=channel": 2 * place})
        for place, cell in enumerate(study.design.cells, 1)
    )
    replaced = replace(study, design=replace(study.design, cells=cells))
    write_design(study.folder, replaced.design)
    record = replaced.run()
    found = [[run.results["epochs"] for run in part.runs] for part in record.split_by_cell()]
    assert found == [[1, 1, 2], [2, 2, 4]]


def test_other_images_in_a_cell_are_refused(tmp_path: Path) -> None:
    grid = {"model": ["convnet"]}
    folder = tmp_path / "study"
    Study.open(folder, changed(seeds=1, grid=grid))
    with pytest.raises(UsageError, match="in model=convnet: data_checksum is"):
        Study.open(folder, changed(seeds=1, grid=grid, data="scenes:clutter=0.25"))


def test_folders_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / place / "images" for place in "ab"]
    for shade, folder in enumerate(folders):
        for split in "train", "test":
            for name in "cat", "dog":
                path = folder / split / name / "1.png"
                path.parent.mkdir(parents=True)
                Image.new("RGB", (32, 32), (shade, 0, 0)).save(path)
    config = changed(grid={"data": [str(folder) for folder in folders]}, train_size=2, test_size=2)
    with pytest.raises(UsageError, match="have the name data=images"):
        Study.open(tmp_path / "study", config)
    monkeypatch.chdir(tmp_path)
    one = changed(seeds=1, grid={"data": ["a/images"]}, train_size=2, test_size=2)
    (cell,) = Study.open(tmp_path / "one", one).design.cells
    assert cell.options["data"] == str(folders[0])
