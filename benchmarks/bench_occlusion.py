"""Occlusion maps: ours against Captum's, at Captum's default and at the best setting found for it.

The default passes one image at a time. The best is searched over images and perturbations a pass. All
arms take turns in one process, with the settings of memory that `foveal explain` starts itself with, since
else the state of the heap decides; printed are medians with quartiles and ratios of medians, the largest
difference of the maps, and the memory that each arm needs besides the model, in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import captum
import numpy as np
import torch
from captum.attr import Occlusion
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from foveal.cli import allocator
from foveal.explanation import occlusion_sensitivity
from foveal.models import build_model
from results import keep
from side_by_side import keep_pages

# Images and perturbations a pass that are tried for Captum, on 16 images where there are more.
SETTINGS = (
    (1, 8), (1, 13), (1, 16), (1, 25), (1, 49), (4, 4), (4, 8), (8, 4), (8, 8), (16, 1), (16, 4), (32, 2),
    (64, 1),
)  # fmt: skip
TRIED_ON = 16


Setting = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One question: which network, at which size, for how many images, with which windows."""

    model: str
    attention: str
    size: int
    images: int
    window: int
    stride: int

    @property
    def name(self) -> str:
        """The row in words."""
        windows = f"window {self.window}, stride {self.stride}"
        return f"{self.model} {self.attention}, {self.size} px, {windows}, {self.images} image(s)"

    @property
    def positions(self) -> int:
        """Windows an image."""
        return ((self.size - self.window) // self.stride + 1) ** 2


ROWS = (
    Row("convnet", "none", 32, 1, 8, 4),
    Row("convnet", "series", 32, 1, 8, 4),
    Row("convnet", "none", 32, 64, 8, 4),
    Row("convnet", "series", 32, 64, 8, 4),
    Row("resnet18", "series", 32, 1, 8, 4),
    # Fewer windows with 64 images: every arm still passes hundreds of them.
    Row("resnet18", "series", 32, 64, 8, 8),
    Row("convnet", "none", 224, 1, 32, 16),
    Row("convnet", "series", 224, 1, 32, 16),
    Row("resnet18", "series", 224, 1, 32, 16),
    Row("resnet18", "series", 224, 64, 112, 56),
)


def problem(row: Row) -> tuple[nn.Module, Tensor, Tensor]:
    """Return the network of a row, its images and labels."""
    model = build_model(row.model, attention=row.attention, image_size=row.size, seed=0).eval()
    source = torch.Generator().manual_seed(0)
    images = torch.randn(row.images, 3, row.size, row.size, generator=source)
    return model, images, torch.arange(row.images) % 10


def ours(row: Row, model: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], Tensor]:
    """Return our arm."""
    options: dict[str, Any] = {"window": row.window, "stride": row.stride, "fill": 0.0}
    return lambda: occlusion_sensitivity(model, images, labels, **options).map()


def captums(
    row: Row, model: nn.Module, images: Tensor, labels: Tensor, *, batch: int, perturbations: int
) -> Callable[[], Tensor]:
    """Return Captum's arm with so many images and perturbations a pass."""
    by_captum = Occlusion(lambda x: model(x).softmax(1))

    def run() -> Tensor:
        maps = [
            by_captum.attribute(
                images[start : start + batch],
                sliding_window_shapes=(3, row.window, row.window),
                strides=(3, row.stride, row.stride),
                target=labels[start : start + batch],
                perturbations_per_eval=perturbations,
            )[:, 0]
            for start in range(0, len(images), batch)
        ]
        return torch.cat(maps)

    return run


def best_settings(row: Row, model: nn.Module, images: Tensor, labels: Tensor) -> list[Setting]:
    """Return the two fastest of Captum's settings, each tried once."""
    once = {}
    for batch, perturbations in SETTINGS:
        if batch <= row.images and perturbations <= row.positions:
            count = max(batch, TRIED_ON)
            run = captums(
                row, model, images[:count], labels[:count], batch=batch, perturbations=perturbations
            )
            once[batch, perturbations] = seconds(run) / min(count, row.images)
    return sorted(once, key=lambda setting: once[setting])[:2]


def seconds(run: Callable[[], Tensor]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(row: Row, rounds: int) -> dict[str, Any]:
    """Return the times of all arms of a row and their ratios."""
    model, images, labels = problem(row)
    mine = ours(row, model, images, labels)
    default_batch = row.images if row.images * row.size**2 <= 64 * 32**2 else 1
    default = captums(row, model, images, labels, batch=default_batch, perturbations=1)
    mine()
    best = best_settings(row, model, images, labels)
    arms = {"ours": mine, "default": default} | {
        f"best {b} x {p}": captums(row, model, images, labels, batch=b, perturbations=p)
        for b, p in best
    }
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, run in arms.items():
            taken[name].append(seconds(run))
    medians = {name: float(np.median(times)) for name, times in taken.items()}
    winner = min((name for name in arms if name.startswith("best")), key=lambda n: medians[n])
    difference = float((mine() - arms[winner]()).abs().max())
    memory = {
        "ours": peak(row, "ours"),
        "best": peak(row, winner.removeprefix("best ").replace(" x ", ",")),
    }
    return {
        "row": row.name,
        "positions": row.positions,
        "quartiles_ms": {
            name: [round(1000 * q, 2) for q in np.percentile(taken[name], [25, 50, 75])]
            for name in ("ours", "default", winner)
        },
        "captum_best": winner.removeprefix("best "),
        "ratio_default": round(medians["default"] / medians["ours"], 2),
        "ratio_best": round(medians[winner] / medians["ours"], 2),
        "largest_difference": difference,
        "memory_mb": memory,
    }


def all_classes(rounds: int) -> dict[str, Any]:
    """Return how one sweep for all classes compares with a call for each of them."""
    row = ROWS[0]
    model, images, _ = problem(row)
    options: dict[str, Any] = {"window": row.window, "stride": row.stride, "fill": 0.0}

    def one_sweep() -> Tensor:
        return occlusion_sensitivity(model, images, target="all", **options).map()

    def ten_calls() -> Tensor:
        maps = [occlusion_sensitivity(model, images, target=k, **options).map() for k in range(10)]
        return torch.stack(maps, 1)

    one_sweep()
    taken = np.array([[seconds(one_sweep), seconds(ten_calls)] for _ in range(rounds)])
    one, ten = np.median(taken, axis=0)
    return {
        "row": f"{row.name}: all ten classes",
        "quartiles_ms": {
            name: [round(1000 * q, 2) for q in np.percentile(taken[:, k], [25, 50, 75])]
            for k, name in enumerate(("one sweep", "ten calls"))
        },
        "ratio": round(float(ten / one), 2),
    }


def peak(row: Row, arm: str) -> float:
    """Return the MB that an arm needs at most besides what was there before, in a process of its own."""
    call = [sys.executable, __file__, "--arm", arm, "--row", str(ROWS.index(row))]
    as_ever = {name: value for name, value in os.environ.items() if name not in allocator.SETTINGS}
    done = subprocess.run(call, check=True, capture_output=True, text=True, env=as_ever)
    return float(done.stdout)


def measure_memory(row: Row, arm: str) -> float:
    """Run an arm and return the MB by which the process grew."""
    model, images, labels = problem(row)
    if arm == "ours":
        run = ours(row, model, images, labels)
    else:
        batch, perturbations = map(int, arm.split(","))
        run = captums(row, model, images, labels, batch=batch, perturbations=perturbations)
    with torch.no_grad():
        model(images[:1])  # what the first pass of any network leaves behind
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts from here
    before = memory_line("VmRSS")
    run()
    return round((memory_line("VmHWM") - before) / 1024, 1)


def memory_line(name: str) -> int:
    """Return a line of what the kernel says of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def print_table(found: list[dict[str, Any]], classes: dict[str, Any]) -> None:
    """Print a row a question."""
    table = Table("", "ours, ms", "Captum default", "Captum best", "x default", "x best", "MB")
    for one in found:
        cells = [f"{q[1]:.1f} ({q[0]:.1f} to {q[2]:.1f})" for q in one["quartiles_ms"].values()]
        cells[2] += f" at {one['captum_best']}"
        memory = f"{one['memory_mb']['ours']:.0f}, {one['memory_mb']['best']:.0f}"
        table.add_row(one["row"], *cells, str(one["ratio_default"]), str(one["ratio_best"]), memory)
    console = Console(width=160)
    console.print(table)
    console.print(
        "asked: at least 3 times the default for one image on the ConvNet, 0.97 of the best, 8"
    )
    console.print("best of Captum: images x perturbations a pass; MB: ours, Captum's best")
    times = {name: f"{q[1]:.1f} ms" for name, q in classes["quartiles_ms"].items()}
    console.print(f"{classes['row']}: {times}, ratio {classes['ratio']}")
    worst = max(one["largest_difference"] for one in found)
    console.print(f"largest difference of maps: {worst:.1e}")


def main() -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", help="numbers of rows, separated by commas; nothing is kept then")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(measure_memory(ROWS[options.row], options.arm))
        return
    keep_pages()
    chosen = range(len(ROWS)) if options.rows is None else map(int, options.rows.split(","))
    found: list[dict[str, Any]] = []
    classes = all_classes(options.rounds)
    for k in chosen:
        heavy = ROWS[k].size > 64 or ROWS[k].images > 1
        found.append(measure(ROWS[k], max(3, options.rounds // 3) if heavy else options.rounds))
        Console(stderr=True).print(
            found[-1]["row"], found[-1]["ratio_default"], found[-1]["ratio_best"]
        )
        if options.rows is None:  # row by row: what is measured is kept if a later one is cut off
            keep("occlusion", found, captum=captum.__version__, classes=classes)
    print_table(found, classes)


if __name__ == "__main__":
    main()
