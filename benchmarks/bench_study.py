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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import training_loops
from bench_train import train_in_process
from instruction_sets import add_isa_option, make_environment
from interleaved_timing import quartiles
from result_files import save_results

PLAIN = "plain loops"
VARIANTS = ("none", "channel", "spatial", "bam", "cbam")
REFERENCE_VARIANTS = (
    "none", "reference-channel", "reference-spatial", "reference-bam", "reference-cbam",
)  # fmt: skip


def measure_foveal(
    data: str, images: int, epochs: int, workers: int, seeds: int, isa: str
) -> float:
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
            [*call, "--out", str(Path(folder) / "study")],
            check=True,
            capture_output=True,
            env=make_environment(isa),
        )
    return 3600 * len(VARIANTS) * seeds / (time.perf_counter() - start)


def measure_plain(data: str, images: int, epochs: int, isa: str) -> float:
    """Return the runs per hour of plain loops, run one after another."""
    start = time.perf_counter()
    for attention in REFERENCE_VARIANTS:
        train_in_process("plain", attention, data, isa=isa, images=images, epochs=epochs)
    return 3600 * len(REFERENCE_VARIANTS) / (time.perf_counter() - start)


def main() -> None:
    """Print the table and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=training_loops.CIFAR10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2, help="seeds of the study of foveal")
    add_isa_option(parser)
    options = parser.parse_args()
    sizes, isas = (options.data, options.images, options.epochs), options.isa.split(",")
    arms: dict[str, Callable[[str], float]] = {
        PLAIN: lambda isa: measure_plain(*sizes, isa),
        "foveal, one run at a time": lambda isa: measure_foveal(*sizes, 1, options.seeds, isa),
        "foveal, two runs of one thread": lambda isa: measure_foveal(*sizes, 2, options.seeds, isa),
    }
    runs_per_hour = {isa: {name: list[float]() for name in arms} for isa in isas}
    for _ in range(options.rounds):
        for name, arm in arms.items():
            for isa in isas:
                runs_per_hour[isa][name].append(arm(isa))
    rows = [row for isa in isas for row in summarize(isa, runs_per_hour[isa])]
    save_results("study", rows, images=options.images, epochs=options.epochs, seeds=options.seeds)


def summarize(isa: str, runs_per_hour: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Print the table of one instruction set, and return its rows of the results."""
    table = Table("", "runs/h", "quartiles", "ratio to plain", title=isa)
    plain_median = quartiles(runs_per_hour[PLAIN])[1]
    rows = []
    for name, values in runs_per_hour.items():
        low, median, high = quartiles(values)
        ratio = median / plain_median
        table.add_row(name, f"{median:.0f}", f"{low:.0f} to {high:.0f}", f"{ratio:.2f}")
        rows.append(
            {
                "instruction_set": isa,
                "arm": name,
                "runs_per_hour": [low, median, high],
                "ratio_to_plain": round(ratio, 2),
            }
        )
    Console().print(table)
    return rows


if __name__ == "__main__":
    main()
