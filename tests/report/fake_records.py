"""Fake records of runs and studies with chosen accuracies, written without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foveal.explanation.occlusion.windows import Windows
from foveal.records import Design, write_design, write_extra, write_run
from foveal.records.manifest import write_manifest
from foveal.records.run import write_config

Arrays = dict[str, np.ndarray[Any, Any]]

WINDOWS = Windows((6, 8), (2, 4), (2, 2), "clip")
ACCURACIES = {
    "none": [0.70, 0.71, 0.72],
    "channel": [0.80, 0.805, 0.81],
    "cbam:reduction=8": [0.715, 0.70, 0.705],
}
TWO_VARIANTS = {variant: ACCURACIES[variant] for variant in ("none", "channel")}


def write_fake_run(
    folder: Path,
    *,
    variant: str = "none",
    seed: int = 0,
    accuracy: float = 0.7,
    classes: Sequence[str] = ("cat", "dog", "frog"),
    epochs: int = 2,
    side: int = 4,
    learning_rate: float = 0.1,
) -> Path:
    """Write the records of one finished run with 400 test images per class."""
    random = np.random.default_rng(seed)
    size = len(classes)
    labels = np.arange(400 * size) % size
    is_correct = random.permutation(labels.size) < round(accuracy * labels.size)
    predicted = np.where(is_correct, labels, (labels + 1) % size)
    confusion = np.zeros((size, size), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    predictions = {
        "labels": labels,
        "predicted": predicted,
        "correct": predicted == labels,
        "confusion": confusion,
    }
    if size >= 20:
        predictions["correct_top5"] = np.ones(labels.size, dtype=np.float32)
    folder.mkdir(parents=True)
    write_config(
        folder,
        {"seed": seed, "model": "convnet", "attention": variant, "learning_rate": learning_rate},
    )
    write_run(
        folder,
        environment={"torch": "2.13.0", "command": "foveal ablate <fake>", "date": f"day {seed}"},
        metrics=[
            {
                "epoch": epoch + 1,
                "learning_rate": 0.1,
                "train_loss": 2.0 / (epoch + 1),
                "train_accuracy": accuracy * 0.9,
                "test_loss": 2.1 / (epoch + 1),
                "test_accuracy": accuracy,
                "time_seconds": 1.0,
            }
            for epoch in range(epochs)
        ],
        results={
            "variant": variant,
            "seed": seed,
            "test_accuracy": accuracy,
            "test_loss": 1.0,
            "train_accuracy": accuracy * 0.9,
            "train_loss": 1.0,
            "top5_accuracy": 0.9125 if size >= 20 else None,
            "calibration_error": 0.02,
            "parameters": 2202122,
            "epochs": epochs,
            "classes": list(classes),
            "data": "scenes",
            "data_checksum": "sha256:c0ffee",
            "seconds": 10.0 + seed,
            "images_per_second": 100.0,
            "run": folder.name,
        },
        predictions=predictions,
        training_batch={
            "images": random.integers(0, 256, (3, side, side, 3), dtype=np.uint8),
            "labels": np.arange(3) % size,
        },
    )
    return folder


def write_fake_study(
    folder: Path,
    accuracies: dict[str, list[float]],
    *,
    planned_seeds: int = 3,
    variants: Sequence[str] | None = None,
    controls: Sequence[str] = (),
    **run_options: Any,
) -> Path:
    """Write a study with one run per accuracy, in the folders `runs/VARIANT_INDEX-SEED`."""
    folder.mkdir(parents=True)
    design = Design(
        shared_options={"data": "scenes", "model": "convnet", "learning_rate": 0.1},
        variants=tuple(variants or accuracies),
        seeds=planned_seeds,
        planned_seeds=planned_seeds,
        margin=1.0,
        planned_margin=1.0,
        controls=tuple(controls),
    )
    write_design(folder, design)
    for index, (variant, values) in enumerate(accuracies.items()):
        for seed, accuracy in enumerate(values):
            path = folder / "runs" / f"{index}-{seed}"
            write_fake_run(path, variant=variant, seed=seed, accuracy=accuracy, **run_options)
    return folder


def make_costs(variant: str) -> Arrays:
    """Return the costs that a study stores for `none`, or for a variant with two gates."""
    gates = 0 if variant == "none" else 2
    totals = (
        {"parameters": 1010, "element_operations": 9600, "saved_bytes": 3 * 2**20}
        if gates
        else {"parameters": 1000, "element_operations": 6400, "saved_bytes": 2 * 2**20}
    )
    return {
        "batch_size": np.array(32),
        "layer_headings": np.array(["layer", "output", "parameters"]),
        "layers": np.array([["ConvNet", "Nx10", ""], ["head Linear", "Nx10", f"{gates + 7}"]]),
        **({} if gates else {"torchsummary": np.array([3.0 * 2**20, 2**19])}),
        "uncounted": np.array([] if variant == "none" else ["aten.strange"], dtype=str),
        "macs": np.array(64_000),
        **{name: np.array(value) for name, value in totals.items()},
        "site": np.array([f"blocks.{k}" for k in range(gates)], dtype=str),
        **{
            f"site_{name}": np.arange(gates) + 1
            for name in ("parameters", "saved_bytes", "macs", "element_operations")
        },
    }


def make_occlusion(
    seed: int, *, with_gates: bool = False, classes: Sequence[int] = (0, 1, 2, 0), shown: int = 3
) -> Arrays:
    """Return occlusion maps of some images, by default two cats, a dog and a frog, as a run stores them.

    All are classified correctly but the second.
    """
    random = np.random.default_rng(seed)
    down, across = WINDOWS.starts
    labels = np.array(classes)
    count = len(labels)
    pairs = [("grad-cam", "occlusion")] + [("blocks.0.attention", "occlusion")] * with_gates
    return {
        "image_indices": np.array([5, 3, 1, 9, *range(10, 10 + count)])[:count],
        "labels": labels,
        "drop": random.normal(size=(count, *WINDOWS.shape)).astype(np.float32),
        "window_predictions": np.zeros((count, *WINDOWS.shape), np.uint16),
        "confidence": random.random(count),
        "predicted": np.where(np.arange(count) == 1, 2, labels).astype(np.uint16),
        "shown_images": random.integers(0, 256, (shown, 6, 8, 3), dtype=np.uint8),
        "image_size": np.array(WINDOWS.image_size),
        "window": np.array(WINDOWS.window),
        "stride": np.array(WINDOWS.stride),
        "edge": np.array("clip"),
        "window_rows": np.array(down),
        "window_columns": np.array(across),
        "fill": np.array("mean"),
        "score": np.array("prob"),
        "agreement_pairs": np.array(pairs),
        "agreement": np.array([0.25, 0.5][: len(pairs)]),
        "agreement_rank": np.array([np.nan, 1 + seed % 3][: len(pairs)]),
        "agreement_draws": np.array([0, 20][: len(pairs)]),
        "agreement_activation": np.array([np.nan, 0.125][: len(pairs)]),
    }


def make_gates() -> Arrays:
    """Return the statistics and maps of two gates, as a run stores them."""
    return {
        "name": np.array(["blocks.0.attention.channel", "blocks.0.attention.spatial"]),
        "site": np.array(["blocks.0", "blocks.0"]),
        "kind": np.array(["channel", "spatial"]),
        "status": np.array(["working", "fixed"]),
        "is_redundant": np.array([False, True]),
        "mean": np.array([0.5, 0.25]),
        "std_between_images": np.array([0.1, 0.0]),
        "distance_from_start": np.array([0.2, 0.3]),
        "channel_weights_0": np.linspace(0, 1, 15).reshape(3, 5),
        "spatial_map_1": np.linspace(0, 1, 36).reshape(3, 3, 4),
    }


def make_robustness(accuracy: float, *, images: int = 50) -> Arrays:
    """Return accuracies under occlusion and blur, as a run stores them."""
    return {
        "image_count": np.array(images),
        "clean_accuracy": np.array(accuracy),
        "condition": np.array(["occlusion", "occlusion", "blur"]),
        "severity": np.array([1, 2, 1]),
        "amount": np.array([0.1, 0.25, 3.0]),
        "accuracy": accuracy * np.array([0.9, 0.5, 0.8]),
    }


def store_extras(run: Path, **extras: Arrays) -> None:
    """Add extras to a finished run."""
    for name, arrays in extras.items():
        write_extra(run, name, arrays)
    write_manifest(run)


def store_maps(folder: Path, accuracies: Mapping[str, Sequence[float]]) -> Path:
    """Add occlusion maps to every run of a study, and gates to those with attention."""
    for index, values in enumerate(accuracies.values()):
        for seed in range(len(values)):
            run = folder / "runs" / f"{index}-{seed}"
            gates = {"gates": make_gates()} if index else {}
            store_extras(
                run, occlusion=make_occlusion(10 * index + seed, with_gates=index > 0), **gates
            )
    return folder


def write_full_study(folder: Path, *, size: int = 10, first_class: str = "class 0") -> Path:
    """Write a study of `size` classes, five variants and three seeds with all extras and costs.

    By construction `channel` is better, `spatial` is equivalent, `bam` is worse and `cbam` is undecided.
    """
    accuracies = {
        "none": [0.700, 0.701, 0.702],
        "channel": [0.750, 0.752, 0.751],
        "spatial": [0.702, 0.701, 0.7005],
        "bam": [0.640, 0.641, 0.642],
        "cbam": [0.66, 0.72, 0.76],
    }
    names = [first_class, *(f"class {label}" for label in range(1, size))]
    write_fake_study(folder, accuracies, classes=names, epochs=3)
    for index, (variant, values) in enumerate(accuracies.items()):
        write_extra(folder, f"cost-{index}-0", make_costs(variant))
        for seed, accuracy in enumerate(values):
            gates = {"gates": make_gates()} if index else {}
            maps = make_occlusion(
                10 * index + seed, with_gates=index > 0, classes=range(size), shown=size
            )
            robustness = make_robustness(accuracy)
            run = folder / "runs" / f"{index}-{seed}"
            store_extras(run, occlusion=maps, robustness=robustness, **gates)
    return folder
