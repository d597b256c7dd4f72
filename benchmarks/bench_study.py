"""Runs per hour of the five-variant study of the ConvNet, compared with plain loops.

The plain loops use the reference modules. Both train each variant on the same images for the same number of
epochs and evaluate it; the time includes the start of the process. foveal runs `foveal ablate` without extras
and with two seeds, because with one seed two parallel runs cannot share the fifth. Plain loops use one process
per run, so one seed is enough.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import training_loops
from bench_train import train_in_process
from interleaved_timing import quartiles
from result_files import save_results

VARIANTS = ("none", "channel", "spatial", "bam", "cbam")
REFERENCE_VARIANTS = (
    "none", "reference-channel", "reference-spatial", "reference-bam", "reference-cbam",
)  # fmt: skip


def measure_foveal(data: str, images: int, epochs: int, workers: int, seeds: int) -> float:
    """Return the runs per hour of `foveal ablate`."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "foveal", "ablate", "--data", data, "--model", "convnet"]
        call += ["--attention", ",".join(VARIANTS), "--epochs", str(epochs)]
        call += ["--train-size", str(images)]
        call += ["--batch-size", "128", "--seeds", str(seeds)]
        call += ["--no-extras", "--workers", str(workers)]
        call += ["--threads", "1"] if workers > 1 else []
        start = time.perf_counter()
        subprocess.run(
            [*call, "--out", str(Path(folder) / "study")], check=True, capture_output=True
        )
    return 3600 * len(VARIANTS) * seeds / (time.perf_counter() - start)


def measure_plain(data: str, images: int, epochs: int) -> float:
    """Return the runs per hour of plain loops, run one after another."""
    start = time.perf_counter()
    for attention in REFERENCE_VARIANTS:
        train_in_process("plain", attention, data, images=images, epochs=epochs)
    return 3600 * len(REFERENCE_VARIANTS) / (time.perf_counter() - start)


def main() -> None:
    """Print the table and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=training_loops.CIFAR10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2, help="seeds of the study of foveal")
    options = parser.parse_args()
    sizes = (options.data, options.images, options.epochs)
    arms = {
        "plain loops": lambda: measure_plain(*sizes),
        "foveal, one run at a time": lambda: measure_foveal(*sizes, 1, options.seeds),
        "foveal, two runs of one thread": lambda: measure_foveal(*sizes, 2, options.seeds),
    }
    runs_per_hour: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(options.rounds):
        for name, arm in arms.items():
            runs_per_hour[name].append(arm())
    table = Table("", "runs/h", "quartiles", "ratio to plain")
    plain_median = quartiles(runs_per_hour["plain loops"])[1]
    rows = []
    for name, values in runs_per_hour.items():
        low, median, high = quartiles(values)
        ratio = median / plain_median
        table.add_row(name, f"{median:.0f}", f"{low:.0f} to {high:.0f}", f"{ratio:.2f}")
        rows.append(
            {
                "arm": name,
                "runs_per_hour": [low, median, high],
                "ratio_to_plain": round(ratio, 2),
            }
        )
    Console().print(table)
    save_results("study", rows, images=options.images, epochs=options.epochs, seeds=options.seeds)


if __name__ == "__main__":
    main()
