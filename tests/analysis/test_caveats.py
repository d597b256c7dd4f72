"""Caveats of records whose flaws are known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from foveal.analysis import compare_cell_variants, find_caveats
from foveal.records import Arrays, Cell, Design, RunRecord, StudyRecord


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
    metrics = {"time_seconds": np.ones(2)}
    predictions = make_predictions(accuracy)
    return RunRecord(Path("run"), config, environment, metrics, results, predictions, {})


def make_predictions(accuracy: float) -> Arrays:
    """Return predictions for 100 images of each of ten classes."""
    labels = np.arange(1000) % 10
    predicted = np.where(np.arange(1000) < round(1000 * accuracy), labels, (labels + 1) % 10)
    return {"labels": labels, "predicted": predicted, "correct": predicted == labels}


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
    assert caveat.startswith("The margin was 1 point when the study was created and is 0.5 now")


def test_nothing_was_learned() -> None:
    runs = [
        make_run(v, 0.11, seed=seed, train_size=100) for v in ("none", "cbam") for seed in (0, 1)
    ]
    (caveat,) = list_caveats(*runs)
    assert caveat.startswith("Nothing was learned: no variant is better than guessing.")
    learned = [make_run("cbam", 0.3, seed=seed, train_size=100) for seed in (0, 1)]
    assert list_caveats(*runs[:2], *learned) == []


def test_failed_run_is_named() -> None:
    accuracies = [0.70, 0.71, 0.72, 0.10, 0.71]
    runs = [make_run("none", a, seed=seed, train_size=100) for seed, a in enumerate(accuracies)]
    (caveat,) = list_caveats(*runs)
    assert caveat == (
        "One run stayed at guessing, which reaches 10.0 %: none with seed 3 has 10.0 %, far below its other "
        "seeds. It counts in every number."
    )
    low = [make_run("none", 0.4, seed=3, train_size=100)]  # far below, but it has learned
    assert list_caveats(*runs[:3], *low, *runs[4:]) == []


def test_failed_run_is_never_dropped() -> None:
    accuracies = {"none": [0.70, 0.71, 0.72, 0.10, 0.71], "cbam": [0.70, 0.71, 0.72, 0.70, 0.71]}
    runs = [
        make_run(variant, a, seed=seed, train_size=100)
        for variant, values in accuracies.items()
        for seed, a in enumerate(values)
    ]
    design = Design({}, ("none", "cbam"), 5, 5, 0.5, 0.5)
    (comparison,) = compare_cell_variants(StudyRecord(Path("study"), design, tuple(runs)))
    assert comparison.seeds == 5
    assert comparison.difference == pytest.approx(0.12)


def test_unequal_spread_is_a_finding() -> None:
    accuracies = {
        "none": [0.700, 0.702, 0.699, 0.701, 0.698],
        "cbam": [0.70, 0.73, 0.66, 0.69, 0.74],
    }
    runs = [
        make_run(variant, a, seed=seed, train_size=100)
        for variant, values in accuracies.items()
        for seed, a in enumerate(values)
    ]
    (caveat,) = list_caveats(*runs)
    ratio = np.std(accuracies["cbam"]) / np.std(accuracies["none"])
    f = scipy.stats.f(4, 4)
    low, high = (ratio / np.sqrt(f.ppf(p)) for p in (0.975, 0.025))
    assert caveat == (
        f"From seed to seed the accuracy of cbam varies {ratio:.1f} times as much as that of none "
        f"(95 % interval {low:.1f} to {high:.1f}, for normal deviations)."
    )


@pytest.mark.parametrize(
    ("data", "is_easy"),
    [
        ("scenes:size=16:clutter=0.3", True),
        ("scenes:size=48", False),
        ("scenes", False),
        ("cifar10", False),
        ("/images/size=16", False),
    ],
)
def test_small_synthetic_images_are_easy(data: str, is_easy: bool) -> None:
    caveats = list_caveats(make_run("none", 0.85, data=data, train_size=100))
    assert caveats == (
        [
            "The images are synthetic and small (16 × 16 pixels), and the task is easy. A verdict on them need "
            "not hold for photographs."
        ]
        if is_easy
        else []
    )


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
    assert all(caveat.startswith("wide:like=cbam has +0.50 %") for caveat in caveats)
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
