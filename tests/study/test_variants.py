"""Canonical variants, and controls requested by one flag each."""

from dataclasses import replace
from pathlib import Path

import pytest

from foveal.analysis import compare_cell_variants
from foveal.attention import canonicalize_variant
from foveal.errors import UsageError
from foveal.records import StudyRecord, read_design
from foveal.study import Study, StudyConfig
from foveal.study.resolved_design import resolve_design
from foveal.study.variants import (
    list_controls,
    map_timed_controls,
    resolve_variants,
    scale_epochs,
)
from study.small_study import change


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("none", "eca")),
        ({"se": True}, ("none", "eca", "se")),
        ({"wide": True}, ("none", "eca", "wide:like=eca")),
        ({"same_time": True}, ("none", "eca", "same-time:like=eca")),
        ({"attention": "none,se", "se": True}, ("none", "se")),
        (
            {"attention": "none,series:where=conv:reduction=8", "wide": True},
            ("none", "cbam:reduction=8:where=conv", "wide:like=cbam:reduction=8:where=conv"),
        ),
    ],
    ids=str,
)
def test_flags_add_controls(options: dict[str, object], expected: tuple[str, ...]) -> None:
    config = StudyConfig(**({"attention": "none,eca"} | options))  # type: ignore[arg-type]
    assert resolve_variants(config) == expected
    assert list_controls(config, expected) == tuple(
        variant for variant in expected if variant.split(":")[0] in ("se", "wide", "same-time")
    )


def test_se_is_a_control_only_if_it_is_requested_as_one() -> None:
    config = StudyConfig(attention="none,se,wide:like=se")
    assert list_controls(config, resolve_variants(config)) == ("wide:like=se",)


@pytest.mark.parametrize(
    ("variant", "timed"),
    [
        ("same-time", "cbam"),
        ("same-time:like=eca", "eca"),
        ("same-time:like=cbam:reduction=8", "cbam:reduction=8"),
        ("same-time:reduction=8:like=cbam", "cbam:reduction=8"),
    ],
)
def test_timed_variant_of_a_control(variant: str, timed: str) -> None:
    variants = resolve_variants(StudyConfig(attention=f"none,{variant}"))
    assert map_timed_controls(variants) == {canonicalize_variant(variant): timed}


@pytest.mark.parametrize(
    "variant", ["same-time:like=cbma", "same-time:like=eca:reduction=2", "wide:reduction"]
)
def test_refuses_a_typo_in_a_control(variant: str) -> None:
    with pytest.raises(UsageError):
        resolve_variants(StudyConfig(attention=f"none,{variant}"))


def test_epochs_are_scaled_by_the_ratio_of_step_times() -> None:
    seconds = {"none": 0.2, "cbam": 0.31, "eca": 0.01}
    assert scale_epochs(10, seconds, "cbam") == 16
    assert scale_epochs(1, seconds, "eca") == 1


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> StudyRecord:
    folder = tmp_path_factory.mktemp("controls") / "study"
    config = change(attention="none,channel", seeds=1, wide=True, same_time=True)
    return Study.open(folder, config).run(with_extras=False)


def test_baseline_is_trained_for_the_same_time(record: StudyRecord) -> None:
    (cell,) = record.design.cells
    epochs = cell.epochs["same-time:like=channel"]
    runs = {run.results["variant"]: run for run in record.runs}
    timed = runs["same-time:like=channel"]
    assert timed.config["epochs"] == timed.results["epochs"] == epochs
    assert len(timed.metrics["epoch"]) == epochs
    assert timed.results["parameters"] == runs["none"].results["parameters"]
    assert runs["channel"].results["epochs"] == 2


def test_ratio_of_step_times_is_measured_once(record: StudyRecord) -> None:
    design = read_design(record.folder)
    cell = replace(design.cells[0], epochs={"same-time:like=channel": 7})
    config = change(attention="none,channel", seeds=1, same_time=True)
    resolved = resolve_design(config, replace(design, cells=(cell,)))
    assert resolved.cells[0].epochs == {"same-time:like=channel": 7}


def test_sites_are_those_of_the_network(tmp_path: Path) -> None:
    config = change(model="resnet18", attention="none,cbam,bam", train_size=32, seeds=1)
    (cell,) = Study.open(tmp_path / "study", config).design.cells
    assert cell.where == {"cbam": "residual", "bam": "stage"}


def test_controls_are_compared_like_variants(record: StudyRecord) -> None:
    controls = ("wide:like=channel", "same-time:like=channel")
    assert record.design.controls == controls
    assert record.design.contrasts == tuple(("channel", control) for control in controls)
    assert record.design.comparison_count == 5
    (cell,) = record.split_by_cell()
    comparisons = compare_cell_variants(cell)
    assert [(each.variant, each.reference) for each in comparisons] == [
        *((variant, "none") for variant in ("channel", *controls)),
        *(("channel", control) for control in controls),
    ]
    assert all(each.level == 1 - 0.05 / 5 for each in comparisons)
    variants = {run.config["attention"] for run in record.runs}
    assert variants == {"none", "channel", "wide:like=channel", "same-time:like=channel"}
