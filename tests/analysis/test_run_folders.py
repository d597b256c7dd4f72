"""Folders of runs: what counts as a run, its variant, seed and outcome, and what is said about them."""

import csv
from pathlib import Path
from shutil import copytree

import pytest

from analysis.other_runs import (
    OTHER_RUNS,
    change_arguments,
    copy_runs,
    cut_results,
    judge_source,
    list_kinds,
    read_runs,
)
from foveal.errors import UsageError
from foveal.stats import judge

ULTRALYTICS = OTHER_RUNS / "ultralytics"


def read_last_cells(variant: str, column: str) -> list[float]:
    cells = []
    for seed in range(5):
        with (ULTRALYTICS / f"{variant}-seed{seed}" / "results.csv").open() as file:
            cells.append(float(list(csv.DictReader(file))[-1][column]))
    return cells


def test_a_project_of_ultralytics_is_judged_by_its_last_epochs() -> None:
    source = read_runs(ULTRALYTICS)
    judgment = judge_source(source)
    outcome = "metrics/accuracy_top1"
    by_hand = judge({name: read_last_cells(name, outcome) for name in ("none", "cbam")})
    assert (judgment.outcome, judgment.is_best) == (outcome, False)
    assert judgment.comparisons[0].difference == by_hand.comparisons[0].difference
    assert judgment.comparisons[0].verdict == by_hand.comparisons[0].verdict
    assert [each.text for each in source.suspicions] == []
    assert source.notes == (
        f"{ULTRALYTICS} has 10 runs of ultralytics.",
        "Variants are in the names of the runs, such as 'cbam' of 'cbam-seed0'.",
        "Seeds are the setting 'seed'.",
        f"The outcome is {outcome!r} of the last epoch; --value-column names another.",
    )


def test_detectors_are_judged_by_mean_average_precision() -> None:
    source = read_runs(OTHER_RUNS / "ultralytics_detection")
    assert source.column_names["value_column"] == "metrics/mAP50-95(B)"
    assert source.columns["variant"] == ["cbam", "none"]
    other = read_runs(OTHER_RUNS / "ultralytics_detection", value_column="val/box_loss")
    assert other.columns["val/box_loss"] == [6.84021, 6.84021]


def test_best_epochs_are_taken_only_if_allowed() -> None:
    judgment = judge_source(read_runs(ULTRALYTICS, allow_best=True))
    last = judge_source(read_runs(ULTRALYTICS))
    assert judgment.outcome == "best metrics/accuracy_top1"
    assert judgment.is_best
    assert (judgment.parts[0].runs["none"].values >= last.parts[0].runs["none"].values).all()
    losses = read_runs(
        ULTRALYTICS, value_column="val/loss", allow_best=True, lower_is_better=True
    ).columns["best val/loss"]
    finals = read_runs(ULTRALYTICS, value_column="val/loss").columns["val/loss"]
    assert all(best <= final for best, final in zip(losses, finals, strict=True))
    assert losses != finals


def test_unfinished_runs_are_named_and_left_out(tmp_path: Path) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    cut_results(folder / "cbam-seed2", 3)
    (folder / "none-seed4" / "results.csv").unlink()
    (folder / "none-seed1" / "args.yaml").write_text("- no settings\n")
    source = read_runs(folder)
    (suspicion,) = source.suspicions
    assert suspicion.kind == "unfinished runs"
    assert suspicion.text.startswith(
        "Left out: 3 of 10 runs, cbam-seed2 (3 of 5 epochs), none-seed1 (args.yaml has no settings) and "
        "none-seed4 (no results.csv)."
    )
    assert source.columns["seed"] == [0, 1, 3, 4, 0, 2, 3]
    for run in folder.iterdir():
        (run / "args.yaml").write_text("]\n")
    with pytest.raises(UsageError, match=r"None of the 10 runs of ultralytics in .* is finished"):
        read_runs(folder)


def test_a_run_without_patience_is_finished(tmp_path: Path) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    for run in folder.iterdir():
        change_arguments(run, epochs=100, patience=1)
        path = run / "results.csv"
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([header, *rows, rows[-1].replace("5,", "6,", 1), ""]))
    assert list_kinds(folder) == []
    change_arguments(folder / "none-seed0", patience=6)
    assert list_kinds(folder) == ["unfinished runs"]


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ({"epochs": 4}, "The runs differ in epochs: 4 (cbam) and 5 (none)."),
        ({"data": "coco.yaml"}, "The runs differ in data: coco.yaml (cbam) and shapes (none)."),
        ({"batch": 16}, "The runs differ in batch size: 16 (cbam) and 8 (none)."),
        ({"imgsz": 64}, "The runs differ in image size: 64 (cbam) and 32 (none)."),
        ({"model": "yolov8s-cbam.yaml"}, "yolov8s-cbam.yaml (cbam) and yolov8n-cls.yaml (none)"),
    ],
)
def test_variants_that_differ_in_a_setting_are_suspected(
    argument: dict[str, object], text: str, tmp_path: Path
) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    for run in folder.glob("cbam-*"):
        change_arguments(run, **argument)
    (suspicion,) = read_runs(folder).suspicions
    assert suspicion.kind == "different settings"
    assert text in suspicion.text
    for run in folder.glob("none-*"):
        change_arguments(run, **argument)
    assert list_kinds(folder) == []


def test_a_model_may_have_the_name_of_its_variant(tmp_path: Path) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    for run in folder.glob("cbam-*"):
        change_arguments(run, model="yolov8n-cls-cbam.yaml")
    assert list_kinds(folder) == []


def test_a_setting_within_a_data_set_may_differ_from_another(tmp_path: Path) -> None:
    for data in ("coco.yaml", "voc.yaml"):
        folder = copytree(ULTRALYTICS, tmp_path / "all" / data.partition(".")[0])
        for run in folder.iterdir():
            change_arguments(run, data=data, batch=8 if data == "voc.yaml" else 4)
            run.rename(run.with_name(f"{run.name}-{data[:3]}"))
    source = read_runs(tmp_path / "all", data_column="data", variant_column="model")
    assert source.columns["data"] == ["coco.yaml"] * 10 + ["voc.yaml"] * 10
    assert not source.suspicions


def test_seeds_that_were_never_set_are_suspected(tmp_path: Path) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    for run in folder.iterdir():
        change_arguments(run, seed=0)
    source = read_runs(folder)
    assert source.columns["seed"] == [*range(5), *range(5)]
    (suspicion,) = source.suspicions
    assert suspicion.kind == "one seed"
    assert "All runs were trained with seed 0, though their names have several" in suspicion.text
    for number, run in enumerate(sorted(folder.iterdir())):
        change_arguments(run, seed=number)
    assert "'cbam-seed0'" not in read_runs(folder).suspicions[0].text
    assert "'none-seed0' was trained with seed 5" in read_runs(folder).suspicions[0].text


def test_counted_folders_are_runs_of_one_variant(tmp_path: Path) -> None:
    """Ultralytics numbers folders of one name from 2 on."""
    folder = copy_runs("ultralytics", tmp_path)
    for run in sorted(folder.iterdir()):
        variant, number = run.name.split("-seed")
        run.rename(folder / (variant if number == "0" else f"{variant}-{int(number) + 1}"))
    source = read_runs(folder)
    assert source.columns["variant"] == ["cbam"] * 5 + ["none"] * 5
    assert source.columns["seed"] == [*range(5), *range(5)]


def test_variants_are_asked_for_if_nothing_tells_them(tmp_path: Path) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    for number, run in enumerate(sorted(folder.iterdir())):
        change_arguments(run, seed=number % 5, optimizer=("SGD", "Adam")[number // 5])
        run.rename(folder / f"train{number}")
    with pytest.raises(
        UsageError, match=r"--variant-column: the runs differ in 'optimizer' and 'seed'"
    ):
        read_runs(folder)
    source = read_runs(folder, variant_column="optimizer")
    assert source.columns["variant"] == ["SGD"] * 5 + ["Adam"] * 5
    with pytest.raises(UsageError, match="no setting 'optimiser'"):
        read_runs(folder, variant_column="optimiser")


def test_folders_without_runs_are_answered(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no runs of ultralytics, Lightning"):
        read_runs(tmp_path)
    with pytest.raises(UsageError, match="single run of ultralytics"):
        read_runs(ULTRALYTICS / "none-seed0")
    (tmp_path / "runs.csv").write_text("a,b\n")
    with pytest.raises(UsageError, match=r"one at a time, such as .*runs\.csv"):
        read_runs(tmp_path)


def test_mixed_folders_are_counted(tmp_path: Path) -> None:
    copy_runs("ultralytics", tmp_path)
    copy_runs("lightning", tmp_path)
    with pytest.raises(UsageError, match="6 of Lightning and 10 of ultralytics"):
        read_runs(tmp_path)


def test_a_run_that_ends_with_nan_is_named(tmp_path: Path) -> None:
    folder = copy_runs("ultralytics", tmp_path)
    path = folder / "none-seed3" / "results.csv"
    path.write_text(path.read_text().replace("0.57,", "nan,"))
    with pytest.raises(UsageError, match="The run 'none-seed3' ends with nan"):
        read_runs(folder)
