"""Occlusion maps of foveal and Captum, with Captum's default setting and the fastest setting found for it.

Captum's default evaluates one image and one perturbation per forward pass. The fastest setting is searched over
images and perturbations per pass. All arms are interleaved in one process that keeps freed memory as `foveal
explain` does, because the times depend on the state of the heap. Reported are medians with quartiles, ratios of
medians, the largest difference of the maps, and the memory of each arm in addition to the model, measured in a
separate process.
"""

from __future__ import annotations

import argparse
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

from foveal import keep_freed_memory
from foveal.explanation import occlusion_sensitivity
from foveal.models import build_model
from result_files import save_results

# Images and perturbations per forward pass that are searched for Captum, on up to 16 images.
CAPTUM_SETTINGS = (
    (1, 8), (1, 13), (1, 16), (1, 25), (1, 49), (4, 4), (4, 8), (8, 4), (8, 8), (16, 1), (16, 4), (32, 2),
    (64, 1),
)  # fmt: skip
SEARCH_IMAGES = 16

CaptumSetting = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """One measured case: network, image size, number of images, windows."""

    model: str
    attention: str
    size: int
    images: int
    window: int
    stride: int

    @property
    def name(self) -> str:
        """Description of the case."""
        windows = f"window {self.window}, stride {self.stride}"
        return f"{self.model} {self.attention}, {self.size} px, {windows}, {self.images} image(s)"

    @property
    def windows_per_image(self) -> int:
        """Number of windows per image."""
        return ((self.size - self.window) // self.stride + 1) ** 2


CASES = (
    Case("convnet", "none", 32, 1, 8, 4),
    Case("convnet", "cbam", 32, 1, 8, 4),
    Case("convnet", "none", 32, 64, 8, 4),
    Case("convnet", "cbam", 32, 64, 8, 4),
    Case("resnet18", "cbam", 32, 1, 8, 4),
    # Fewer windows for 64 images: every arm still evaluates hundreds of them.
    Case("resnet18", "cbam", 32, 64, 8, 8),
    Case("convnet", "none", 224, 1, 32, 16),
    Case("convnet", "cbam", 224, 1, 32, 16),
    Case("resnet18", "cbam", 224, 1, 32, 16),
    Case("resnet18", "cbam", 224, 64, 112, 56),
)


def build_case(case: Case) -> tuple[nn.Module, Tensor, Tensor]:
    """Return network, images and labels of a case."""
    model = build_model(case.model, attention=case.attention, image_size=case.size, seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(case.images, 3, case.size, case.size, generator=generator)
    return model, images, torch.arange(case.images) % 10


def make_foveal_arm(
    case: Case, model: nn.Module, images: Tensor, labels: Tensor
) -> Callable[[], Tensor]:
    """Return a function that computes the maps with foveal."""
    options: dict[str, Any] = {"window": case.window, "stride": case.stride, "fill": 0.0}
    return lambda: occlusion_sensitivity(model, images, labels, **options).map()


def make_captum_arm(
    case: Case, model: nn.Module, images: Tensor, labels: Tensor, *, batch: int, perturbations: int
) -> Callable[[], Tensor]:
    """Return a function that computes the maps with Captum, `batch` images at a time."""
    occlusion = Occlusion(lambda x: model(x).softmax(1))

    def run() -> Tensor:
        maps = [
            occlusion.attribute(
                images[start : start + batch],
                sliding_window_shapes=(3, case.window, case.window),
                strides=(3, case.stride, case.stride),
                target=labels[start : start + batch],
                perturbations_per_eval=perturbations,
            )[:, 0]
            for start in range(0, len(images), batch)
        ]
        return torch.cat(maps)

    return run


def search_captum_settings(
    case: Case, model: nn.Module, images: Tensor, labels: Tensor
) -> list[CaptumSetting]:
    """Return the two fastest settings of Captum, each measured once."""
    seconds_per_image = {}
    for batch, perturbations in CAPTUM_SETTINGS:
        if batch <= case.images and perturbations <= case.windows_per_image:
            count = max(batch, SEARCH_IMAGES)
            arm = make_captum_arm(
                case,
                model,
                images[:count],
                labels[:count],
                batch=batch,
                perturbations=perturbations,
            )
            seconds_per_image[batch, perturbations] = time_call(arm) / min(count, case.images)
    return sorted(seconds_per_image, key=lambda setting: seconds_per_image[setting])[:2]


def time_call(function: Callable[[], Tensor]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure_case(case: Case, rounds: int) -> dict[str, Any]:
    """Return times, ratios, map difference and memory of all arms of a case."""
    model, images, labels = build_case(case)
    foveal_arm = make_foveal_arm(case, model, images, labels)
    default_batch = case.images if case.images * case.size**2 <= 64 * 32**2 else 1
    default_arm = make_captum_arm(case, model, images, labels, batch=default_batch, perturbations=1)
    foveal_arm()
    settings = search_captum_settings(case, model, images, labels)
    arms = {"foveal": foveal_arm, "default": default_arm} | {
        f"best {b} x {p}": make_captum_arm(case, model, images, labels, batch=b, perturbations=p)
        for b, p in settings
    }
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, arm in arms.items():
            times[name].append(time_call(arm))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    best = min((name for name in arms if name.startswith("best")), key=lambda n: medians[n])
    difference = float((foveal_arm() - arms[best]()).abs().max())
    memory = {
        "foveal": measure_memory_in_process(case, "foveal"),
        "best": measure_memory_in_process(case, best.removeprefix("best ").replace(" x ", ",")),
    }
    return {
        "case": case.name,
        "windows_per_image": case.windows_per_image,
        "quartiles_ms": {
            name: [round(1000 * q, 2) for q in np.percentile(times[name], [25, 50, 75])]
            for name in ("foveal", "default", best)
        },
        "captum_best": best.removeprefix("best "),
        "ratio_default": round(medians["default"] / medians["foveal"], 2),
        "ratio_best": round(medians[best] / medians["foveal"], 2),
        "max_map_difference": difference,
        "memory_mb": memory,
    }


def measure_all_classes(rounds: int) -> dict[str, Any]:
    """Return the times of one sweep for all ten classes and of one call per class."""
    case = CASES[0]
    model, images, _ = build_case(case)
    options: dict[str, Any] = {"window": case.window, "stride": case.stride, "fill": 0.0}

    def sweep_all_classes() -> Tensor:
        return occlusion_sensitivity(model, images, target="all", **options).map()

    def call_per_class() -> Tensor:
        maps = [occlusion_sensitivity(model, images, target=k, **options).map() for k in range(10)]
        return torch.stack(maps, 1)

    sweep_all_classes()
    times = np.array(
        [[time_call(sweep_all_classes), time_call(call_per_class)] for _ in range(rounds)]
    )
    sweep_median, calls_median = np.median(times, axis=0)
    return {
        "case": f"{case.name}: all ten classes",
        "quartiles_ms": {
            name: [round(1000 * q, 2) for q in np.percentile(times[:, k], [25, 50, 75])]
            for k, name in enumerate(("one sweep", "ten calls"))
        },
        "ratio": round(float(calls_median / sweep_median), 2),
    }


def measure_memory_in_process(case: Case, arm: str) -> float:
    """Return the peak memory of an arm in MB in addition to the model, measured in a new process."""
    call = [sys.executable, __file__, "--arm", arm, "--case", str(CASES.index(case))]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure_memory(case: Case, arm: str) -> float:
    """Run an arm and return the growth of this process in MB."""
    model, images, labels = build_case(case)
    if arm == "foveal":
        run = make_foveal_arm(case, model, images, labels)
    else:
        batch, perturbations = map(int, arm.split(","))
        run = make_captum_arm(case, model, images, labels, batch=batch, perturbations=perturbations)
    with torch.no_grad():
        model(images[:1])  # allocations of the first forward pass do not count
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = read_status_kb("VmRSS")
    run()
    return round((read_status_kb("VmHWM") - before) / 1024, 1)


def read_status_kb(name: str) -> int:
    """Return an entry of /proc/self/status in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def print_table(rows: list[dict[str, Any]], classes: dict[str, Any]) -> None:
    """Print a row per case and the summary."""
    table = Table("", "foveal, ms", "Captum default", "Captum best", "x default", "x best", "MB")
    for row in rows:
        cells = [f"{q[1]:.1f} ({q[0]:.1f} to {q[2]:.1f})" for q in row["quartiles_ms"].values()]
        cells[2] += f" at {row['captum_best']}"
        memory = f"{row['memory_mb']['foveal']:.0f}, {row['memory_mb']['best']:.0f}"
        ratios = str(row["ratio_default"]), str(row["ratio_best"])
        table.add_row(row["case"], *cells, *ratios, memory)
    console = Console(width=160)
    console.print(table)
    console.print(
        "required: at least 3 times the default for one image on the ConvNet, 0.97 of the best, 8"
    )
    console.print("Captum best: images x perturbations per pass; MB: foveal, Captum best")
    times = {name: f"{q[1]:.1f} ms" for name, q in classes["quartiles_ms"].items()}
    console.print(f"{classes['case']}: {times}, ratio {classes['ratio']}")
    max_difference = max(row["max_map_difference"] for row in rows)
    console.print(f"largest difference of maps: {max_difference:.1e}")


def main() -> None:
    """Print the table and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--cases", help="indices of cases, separated by commas; the results are not saved"
    )
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(measure_memory(CASES[options.case], options.arm))
        return
    keep_freed_memory()
    chosen = range(len(CASES)) if options.cases is None else map(int, options.cases.split(","))
    rows: list[dict[str, Any]] = []
    classes = measure_all_classes(options.rounds)
    for k in chosen:
        is_slow = CASES[k].size > 64 or CASES[k].images > 1
        rounds = max(3, options.rounds // 3) if is_slow else options.rounds
        rows.append(measure_case(CASES[k], rounds))
        Console(stderr=True).print(
            rows[-1]["case"], rows[-1]["ratio_default"], rows[-1]["ratio_best"]
        )
        if options.cases is None:  # saved after each case, so that an interruption loses little
            save_results("occlusion", rows, captum=captum.__version__, classes=classes)
    print_table(rows, classes)


if __name__ == "__main__":
    main()
