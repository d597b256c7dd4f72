"""Training speed compared with a plain loop, and a comparison of the accuracies of both loops.

Each training is a process with the malloc settings that its users have: `foveal` keeps freed memory, other
loops have the defaults. The arms are interleaved. The accuracies of the plain loop and of foveal are compared
by the verdict rule of foveal.stats.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import training_loops
from foveal import stats
from instruction_sets import add_isa_option, make_environment
from interleaved_timing import quartiles
from result_files import save_results

ARMS = (
    ("plain", "none"), ("eager", "none"), ("foveal", "none"),
    ("plain", "reference-cbam"), ("eager", "reference-cbam"), ("foveal", "cbam"),
)  # fmt: skip
MARGIN = 0.015


def train_in_process(
    loop: str, attention: str, data: str, *, isa: str, **options: int
) -> dict[str, float]:
    """Train in a new process; return images per second, accuracy and seconds."""
    call = [sys.executable, training_loops.__file__, loop, "--attention", attention]
    call += ["--data", data]
    for name, value in options.items():
        call += [f"--{name.replace('_', '-')}", str(value)]
    environment = make_environment(isa)
    done = subprocess.run(call, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure_speeds(
    data: str, rounds: int, images: int, isas: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the images per second of each arm and instruction set, interleaved, and print the tables."""
    speeds = {isa: {arm: list[float]() for arm in ARMS} for isa in isas}
    for _ in range(rounds):
        for arm in ARMS:
            for isa in isas:
                result = train_in_process(*arm, data, isa=isa, images=images, test_images=500)
                speeds[isa][arm].append(result["images_per_second"])
    return [row for isa in isas for row in summarize(isa, speeds[isa])]


def summarize(isa: str, speeds: dict[tuple[str, str], list[float]]) -> list[dict[str, Any]]:
    """Print the table of one instruction set, and return its rows of the results."""
    medians = {arm: float(np.median(values)) for arm, values in speeds.items()}
    table = Table("loop", "attention", "images/s", "quartiles", "ratio to plain", title=isa)
    rows = []
    for (loop, attention), values in speeds.items():
        low, median, high = quartiles(values)
        plain = medians["plain", "none" if attention == "none" else "reference-cbam"]
        ratio = round(medians[loop, attention] / plain, 2)
        table.add_row(loop, attention, f"{median:.0f}", f"{low:.0f} to {high:.0f}", str(ratio))
        rows.append(
            {
                "instruction_set": isa,
                "loop": loop,
                "attention": attention,
                "images_per_second": [low, median, high],
                "ratio_to_plain": ratio,
            }
        )
    Console().print(table)
    return rows


def compare_accuracies(data: str, seeds: int, images: int, epochs: int, isa: str) -> dict[str, Any]:
    """Return the comparison of the accuracies of foveal and the plain loop."""
    accuracies: dict[str, list[float]] = {"plain": [], "foveal": []}
    for seed in range(seeds):
        for loop, values in accuracies.items():
            result = train_in_process(
                loop, "none", data, isa=isa, images=images, epochs=epochs, seed=seed
            )
            values.append(result["accuracy"])
    comparison = stats.compare_accuracies(
        accuracies["foveal"], accuracies["plain"], variant="the loop of foveal", margin=MARGIN
    )
    Console().print(f"{comparison.verdict}: {comparison.reason}")
    return {
        "seeds": seeds, "images": images, "epochs": epochs, "margin": MARGIN,
        "accuracies": accuracies, "difference": comparison.difference,
        "interval": comparison.interval, "verdict": comparison.verdict, "reason": comparison.reason,
    }  # fmt: skip


def main() -> None:
    """Print and save speeds and accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=training_loops.CIFAR10)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--seeds", type=int, default=5, help="0 skips the comparison of accuracies")
    add_isa_option(parser)
    options = parser.parse_args()
    isas = options.isa.split(",")
    rows = measure_speeds(options.data, options.rounds, options.images, isas)
    save_results("train", rows)
    if options.seeds:
        learning = compare_accuracies(options.data, options.seeds, 20000, 3, isas[0])
        save_results("train", rows, learning=learning)


if __name__ == "__main__":
    main()
