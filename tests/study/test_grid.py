"""A study repeated for each value of an option: its cells, their shared error rate, its table."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from foveal.analysis import compare_cell_variants
from foveal.errors import UsageError
from foveal.records import read_study, write_design
from foveal.report.document import build_document
from foveal.study import RunConfig, Study, StudyConfig
from study.small_study import SMALL, change, read_rows

GRID = change(
    seeds=1, epochs=1, grid={"learning_rate": [0.1, 0.05], "data": "scenes,scenes:clutter=0.25"}
)
LABELS = [
    f"learning_rate={rate}, data={data}"
    for rate in (0.1, 0.05)
    for data in ("scenes", "scenes:clutter=0.25")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "study"
    Study.open(path, GRID).run(with_extras=False)
    return path


def test_every_combination_is_trained(folder: Path) -> None:
    rows = read_rows(folder)
    assert list(rows[0])[:4] == ["learning_rate", "data", "variant", "seed"]
    assert [(row["learning_rate"], row["data"], row["variant"]) for row in rows] == [
        (rate, data, variant)
        for rate in ("0.1", "0.05")
        for data in ("scenes", "scenes:clutter=0.25")
        for variant in ("none", "channel")
    ]


def test_cell_equals_a_study_without_grid(folder: Path, tmp_path: Path) -> None:
    single = change(seeds=1, epochs=1, learning_rate=0.05, data="scenes:clutter=0.25")
    Study.open(tmp_path / "single", single).run(with_extras=False)
    for row, single_row in zip(read_rows(folder)[-2:], read_rows(tmp_path / "single"), strict=True):
        assert row.items() >= single_row.items()


def test_comparisons_of_all_cells_share_the_error_rate(folder: Path) -> None:
    cells = list(read_study(folder).split_by_cell())
    assert [study.cell.label for study in cells if study.cell] == LABELS
    for study in cells:
        (comparison,) = compare_cell_variants(study)
        assert comparison.level == pytest.approx(1 - 0.05 / 4)
        difference = study.accuracies["channel"][0] - study.accuracies["none"][0]
        assert comparison.difference == difference


def test_page_has_one_result_section_per_cell(folder: Path) -> None:
    document = build_document(folder)
    assert document.title.startswith("Does attention help in 4 settings?")
    titles = [one.title for one in document.sections if one.name.removeprefix("setting").isdigit()]
    assert titles == LABELS


def test_runs_have_the_options_of_their_cell(folder: Path) -> None:
    configs = [run.config for run in Study.open(folder, GRID).list_runs()]
    assert all(isinstance(config, RunConfig) for config in configs)
    assert {(config.learning_rate, config.data) for config in configs} == {
        (rate, data) for rate in (0.1, 0.05) for data in ("scenes", "scenes:clutter=0.25")
    }
    assert {config.epochs for config in configs} == {SMALL.epochs - 1}


def test_added_cell_trains_only_new_runs(folder: Path) -> None:
    more = GRID.model_copy(update={"grid": {"learning_rate": [0.2], "data": ["scenes"]}})
    study = Study.open(folder, more)
    assert len(study.list_missing_runs()) == 2
    study.run(with_extras=False)
    assert len(read_study(folder).runs) == 10


def test_refuses_other_options_in_the_grid(folder: Path) -> None:
    with pytest.raises(UsageError, match="options of the grid"):
        Study.open(folder, change(seeds=1, epochs=1, grid={"model": ["convnet"]}))
    with pytest.raises(UsageError, match="options of the grid"):
        Study.open(folder, change(seeds=1, epochs=1))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"modell": "convnet"}, "Did you mean 'model'"),
        ({"model": "convnet,convnet"}, "a list of different values"),
        ({"model": []}, "a list of different values"),
        ({"epochs": "0,1"}, "greater than or equal to 1"),
        ({"threads": "1,2"}, "no option for a grid 'threads'"),
    ],
    ids=str,
)
def test_refuses_an_invalid_grid(grid: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StudyConfig(grid=grid)


def test_values_are_parsed_like_their_option() -> None:
    grid = StudyConfig(grid={"learning-rate": "0.1,5e-2", "epochs": [1, "2"]}).grid
    assert grid == {"learning_rate": [0.1, 0.05], "epochs": [1, 2]}


def test_refuses_two_names_of_the_same_images(tmp_path: Path) -> None:
    config = change(grid={"data": "scenes,scenes:clutter=0.5"})
    with pytest.raises(UsageError, match=r"data=scenes and data=scenes:clutter=0.5 are the same"):
        Study.open(tmp_path / "study", config)
    assert list(tmp_path.iterdir()) == []


def test_controls_have_their_epochs_per_cell(tmp_path: Path) -> None:
    config = change(seeds=1, grid={"epochs": [1, 2]}, same_time=True)
    study = Study.open(tmp_path / "study", config)
    cells = tuple(
        replace(cell, epochs={"same-time:like=channel": 2 * number})
        for number, cell in enumerate(study.design.cells, 1)
    )
    study = replace(study, design=replace(study.design, cells=cells))
    write_design(study.folder, study.design)
    record = study.run(with_extras=False)
    epochs = [[run.results["epochs"] for run in cell.runs] for cell in record.split_by_cell()]
    assert epochs == [[1, 1, 2], [2, 2, 4]]


def test_refuses_other_images_in_a_cell(tmp_path: Path) -> None:
    grid = {"model": ["convnet"]}
    folder = tmp_path / "study"
    Study.open(folder, change(seeds=1, grid=grid))
    with pytest.raises(UsageError, match="in model=convnet: data_checksum is"):
        Study.open(folder, change(seeds=1, grid=grid, data="scenes:clutter=0.25"))


def test_refuses_folders_with_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / parent / "images" for parent in "ab"]
    for red, folder in enumerate(folders):
        for split in "train", "test":
            for name in "cat", "dog":
                path = folder / split / name / "1.png"
                path.parent.mkdir(parents=True)
                Image.new("RGB", (32, 32), (red, 0, 0)).save(path)
    config = change(grid={"data": [str(folder) for folder in folders]}, train_size=2, test_size=2)
    with pytest.raises(UsageError, match="have the name data=images"):
        Study.open(tmp_path / "study", config)
    monkeypatch.chdir(tmp_path)
    relative = change(seeds=1, grid={"data": ["a/images"]}, train_size=2, test_size=2)
    (cell,) = Study.open(tmp_path / "relative", relative).design.cells
    assert cell.options["data"] == str(folders[0])
