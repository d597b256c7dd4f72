"""Caveats of records whose flaws are known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from foveal.analysis import find_caveats
from foveal.records import Cell, Design, RunRecord, StudyRecord


def make_run(
    variant: str,
    accuracy: float,
    *,
    seed: int = 0,
    parameters: int = 100,
    instruction_set: str | None = None,
    **options: object,
) -> RunRecord:
    config = {"model": "convnet", "epochs": 10, "attention": variant, **options}
    results = {
        "variant": variant, "seed": seed, "test_accuracy": accuracy, "parameters": parameters,
        "data": "cifar10", "classes": list("abcdefghij"),
    }  # fmt: skip
    environment = {} if instruction_set is None else {"instruction_set": instruction_set}
    return RunRecord(Path("run"), config, environment, {}, results, {}, {})


def list_caveats(*runs: RunRecord, cell: Cell | None = None, margin: float = 0.5) -> list[str]:
    variants = tuple(dict.fromkeys(run.results["variant"] for run in runs))
    shared_options = {name: v for name, v in runs[0].config.items() if name != "attention"}
    design = Design(shared_options, variants, 1, 1, 0.5, margin, (cell or Cell(),))
    return find_caveats(StudyRecord(Path("study"), design, runs))


@pytest.mark.parametrize(
    ("accuracy", "options", "is_weak"),
    [
        (0.60, {}, True),
        (0.83, {}, False),
        (0.60, {"epochs": 3}, False),
        (0.60, {"train_size": 5000}, False),
        (0.60, {"weights": "w.pt"}, False),
        (0.762, {"model": "resnet34", "epochs": 200}, True),
        (0.95, {"model": "resnet34", "epochs": 200}, False),
        (0.762, {"model": "resnet34", "epochs": 30}, True),  # below the ConvNet after 10 epochs
        (0.60, {"model": "mine:network"}, False),
    ],
    ids=str,
)
def test_weak_baseline(accuracy: float, options: dict[str, Any], is_weak: bool) -> None:
    caveats = list_caveats(make_run("none", accuracy, **options))
    starts = [caveat.startswith("Weak baseline: none reaches") for caveat in caveats]
    assert starts == [True] * is_weak


def test_changed_margin() -> None:
    (caveat,) = list_caveats(make_run("none", 0.9), margin=1.0)
    assert caveat.startswith("The margin was 1 points when the study was created and is 0.5 now")


def test_accuracy_at_chance() -> None:
    (caveat,) = list_caveats(make_run("none", 0.11, train_size=100))
    assert caveat.startswith("Nothing was learned: none reaches 11.0%, and guessing 10.0%")


def test_different_sites_with_the_matched_variant() -> None:
    where = {"cbam": "residual", "bam": "stage"}
    (caveat,) = list_caveats(make_run("none", 0.9), cell=Cell(where=where))
    assert "differ in two things" in caveat
    assert caveat.endswith("The matched variant is bam:where=residual.")
    matched = where | {"bam:where=residual": "residual"}
    assert list_caveats(make_run("none", 0.9), cell=Cell(where=matched)) == []
    same = {"cbam": "conv", "bam": "conv"}
    assert list_caveats(make_run("none", 0.9), cell=Cell(where=same)) == []


def test_other_epochs_of_a_variant() -> None:
    cell = Cell(epochs={"same-time:like=cbam": 7})
    (caveat,) = list_caveats(make_run("none", 0.9), cell=cell)
    assert caveat == "same-time:like=cbam is trained for 7 epochs."


@pytest.mark.parametrize(("parameters", "count"), [(1005, 1), (1020, 0)])
def test_control_that_is_hardly_wider(parameters: int, count: int) -> None:
    baseline = make_run("none", 0.9, parameters=1000)
    caveats = list_caveats(baseline, make_run("wide:like=cbam", 0.9, parameters=parameters))
    assert len(caveats) == count
    assert all(caveat.startswith("wide:like=cbam has +0.50%") for caveat in caveats)
    assert all("nearly nothing" in caveat for caveat in caveats)


def list_instruction_set_caveats(
    sets: Mapping[tuple[str, int], str | None], device: str = "cpu"
) -> list[str]:
    """Return the caveats of runs with these instruction sets, by variant and seed."""
    runs = [
        make_run(variant, 0.9, seed=seed, instruction_set=name, device=device)
        for (variant, seed), name in sets.items()
    ]
    return list_caveats(*runs)


def test_seeds_with_different_instruction_sets() -> None:
    names = ["AVX2"] * 3 + ["AVX512"] * 2
    sets = {(v, seed): name for v in ("none", "cbam") for seed, name in enumerate(names)}
    (caveat,) = list_instruction_set_caveats(sets)
    assert "(AVX2: seeds 0 to 2; AVX512: seeds 3 and 4)" in caveat
    assert list_instruction_set_caveats(sets, device="cuda") == []
    assert list_instruction_set_caveats(dict.fromkeys(sets, "AVX2")) == []
    assert list_instruction_set_caveats(dict.fromkeys(sets)) == []  # records without the field


def test_variants_of_one_seed_with_different_instruction_sets() -> None:
    sets = {
        ("none", 0): "AVX2", ("cbam", 0): "AVX512", ("none", 1): "AVX512", ("cbam", 1): "AVX512",
    }  # fmt: skip
    (caveat,) = list_instruction_set_caveats(sets)
    assert caveat.startswith("Runs of seed 0 were trained with different instruction sets")
    assert "(AVX2 and AVX512)" in caveat
