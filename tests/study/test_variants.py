"""The controls by one flag each, and the notes that stand beside a verdict."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.analysis.caveats import find_caveats
from foveal.attention import canonicalize_variant
from foveal.errors import UsageError
from foveal.records import Cell, Design, read_design, read_run, read_study
from foveal.records.run import RunRecord
from foveal.records.study import StudyRecord
from foveal.study import Study, StudyConfig
from foveal.study.resolved_design import resolve_design
from foveal.study.variants import map_timed_controls, resolve_variants, scale_epochs
from study.small_study import changed


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("none", "eca")),
        ({"se": True}, ("none", "eca", "se")),
        ({"wide": True}, ("none", "eca", "wide:like=eca")),
        ({"same_time": True}, ("none", "eca", "same-time:like=eca")),
        ({"attention": "none,se", "se": True}, ("none", "se")),
        (
            {"attention": "none,cbam:reduction=8:where=conv", "wide": True},
            ("none", "cbam:reduction=8:where=conv", "wide:like=cbam:reduction=8:where=conv"),
        ),
    ],
    ids=str,
)
def test_a_flag_adds_its_control(options: dict[str, object], expected: tuple[str, ...]) -> None:
    assert resolve_variants(StudyConfig(**({"attention": "none,eca"} | options))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variant", "like"),
    [
        ("same-time", "cbam"),
        ("same-time:like=eca", "eca"),
        ("same-time:like=cbam:reduction=8", "cbam:reduction=8"),
        ("same-time:reduction=8:like=cbam", "cbam:reduction=8"),
    ],
)
def test_whose_time_it_is(variant: str, like: str) -> None:
    assert map_timed_controls(resolve_variants(StudyConfig(attention=f"none,{variant}"))) == {
        canonicalize_variant(variant): like
    }


@pytest.mark.parametrize(
    "variant", ["same-time:like=cbma", "same-time:like=eca:reduction=2", "wide:reduction"]
)
def test_a_typo_in_a_control(variant: str) -> None:
    with pytest.raises(UsageError):
        resolve_variants(StudyConfig(attention=f"none,{variant}"))


def test_epochs_are_scaled_by_the_ratio_of_step_times() -> None:
    seconds = {"none": 0.2, "cbam": 0.31, "eca": 0.01}
    assert scale_epochs(10, seconds, "cbam") == 16
    assert scale_epochs(1, seconds, "eca") == 1


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controls") / "study"
    config = changed(attention="none,channel", seeds=1, wide=True, same_time=True)
    Study.open(folder, config).run()
    return folder


def test_the_plain_network_is_trained_for_the_same_time(study: Path) -> None:
    (cell,) = read_study(study).design.cells
    epochs = cell.epochs["same-time:like=channel"]
    runs = {run.results["variant"]: run for run in read_study(study).runs}
    timed = runs["same-time:like=channel"]
    assert (
        timed.config["epochs"] == timed.results["epochs"] == len(timed.metrics["epoch"]) == epochs
    )
    assert timed.results["parameters"] == runs["none"].results["parameters"]
    assert runs["channel"].results["epochs"] == 2


def test_the_ratio_is_measured_once(study: Path) -> None:
    design = read_design(study)
    stored = replace(
        design, cells=(replace(design.cells[0], epochs={"same-time:like=channel": 7}),)
    )
    config = changed(attention="none,channel", seeds=1, same_time=True)
    assert resolve_design(config, stored).cells[0].epochs == {"same-time:like=channel": 7}


def test_a_wider_network_that_is_hardly_wider_is_named(study: Path) -> None:
    *_, length, note = find_caveats(read_study(study))
    assert length.startswith("same-time:like=channel is trained for ")
    assert note.startswith("wide:like=channel has +0.")
    assert "nearly nothing" in note


def fake(variant: str, accuracy: float, *, parameters: int = 100, **config: object) -> RunRecord:
    whole = {"model": "convnet", "epochs": 10, "attention": variant, **config}
    results = {
        "variant": variant, "seed": 0, "test_accuracy": accuracy, "parameters": parameters,
        "data": "cifar10", "classes": list("abcdefghij"),
    }  # fmt: skip
    nothing: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    return RunRecord(Path("run"), whole, {}, nothing, results, nothing, nothing)


def noted(*runs: RunRecord, places: dict[str, str] | None = None, margin: float = 0.5) -> list[str]:
    variants = tuple(dict.fromkeys(run.results["variant"] for run in runs))
    setting = {name: value for name, value in runs[0].config.items() if name != "attention"}
    design = Design(setting, variants, 1, 1, 0.5, margin, (Cell(where=places or {}),))
    return find_caveats(StudyRecord(Path("study"), design, runs))


@pytest.mark.parametrize(
    ("accuracy", "config", "weak"),
    [
        (0.60, {}, True),
        (0.83, {}, False),
        (0.60, {"epochs": 3}, False),
        (0.60, {"train_size": 5000}, False),
        (0.60, {"weights": "w.pt"}, False),
        (0.762, {"model": "resnet34", "epochs": 200}, True),
        (0.95, {"model": "resnet34", "epochs": 200}, False),
        (
            0.762,
            {"model": "resnet34", "epochs": 30},
            True,
        ),  # under what the small CNN reaches in 10
        (0.60, {"model": "mine:network"}, False),
    ],
    ids=str,
)
def test_baseline_gate(accuracy: float, config: dict[str, Any], weak: bool) -> None:
    notes = noted(fake("none", accuracy, **config))
    assert [note.startswith("Weak baseline: none reaches") for note in notes] == [True] * weak


def test_a_margin_chosen_later_is_named() -> None:
    (note,) = noted(fake("none", 0.9), margin=1.0)
    assert note.startswith("The margin was 1 points when the study was created and is 0.5 now")


def test_a_network_at_chance_is_named() -> None:
    (note,) = noted(fake("none", 0.11, train_size=100))
    assert note.startswith("Nothing was learned: none reaches 11.0%, and guessing 10.0%")


def test_variants_at_different_places_are_named_with_the_matched_arm() -> None:
    places = {"cbam": "residual", "bam": "stage"}
    (note,) = noted(fake("none", 0.9), places=places)
    assert "differ in two things" in note
    assert note.endswith("The matched variant is bam:where=residual.")
    assert noted(fake("none", 0.9), places=places | {"bam:where=residual": "residual"}) == []
    assert noted(fake("none", 0.9), places={"cbam": "conv", "bam": "conv"}) == []


def test_places_are_those_of_the_network(tmp_path: Path) -> None:
    config = changed(model="resnet18", attention="none,cbam,bam", train_size=32, seeds=1)
    (cell,) = Study.open(tmp_path / "study", config).design.cells
    assert cell.where == {"cbam": "residual", "bam": "stage"}


def test_a_control_is_compared_like_any_variant(study: Path) -> None:
    assert read_study(study).design.comparison_count == 3
    assert (
        read_run(next((study / "runs").glob("same-time*"))).config["attention"].startswith("same")
    )
