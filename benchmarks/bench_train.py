"""How many images a second are trained on, against a plain loop, and does the plain loop learn as much?

Each training is a process of its own, so that each loop has the memory settings it would have: `foveal`
sets its own, others have none. They take turns. Accuracies of the plain and of our loop are compared by
foveal's own rule.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import loops
from foveal.cli.allocator import SETTINGS
from foveal.stats import compare
from results import keep
from side_by_side import quartiles

ARMS = (
    ("plain", "none"), ("eager", "none"), ("foveal", "none"),
    ("plain", "reference-cbam"), ("eager", "reference-cbam"), ("foveal", "series"),
)  # fmt: skip
MARGIN = 0.015


def trained(loop: str, attention: str, data: str, **options: int) -> dict[str, float]:
    """Train in a process of its own; return speed, accuracy and seconds."""
    call = [sys.executable, loops.__file__, loop, "--attention", attention, "--data", data]
    for name, value in options.items():
        call += [f"--{name.replace('_', '-')}", str(value)]
    environment = os.environ | (SETTINGS if loop == "foveal" else {})
    done = subprocess.run(call, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def speeds(data: str, rounds: int, images: int) -> list[dict[str, Any]]:
    """Return images per second of each arm, in turns."""
    taken: dict[tuple[str, str], list[float]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in ARMS:
            found = trained(*arm, data, images=images, test_images=500)
            taken[arm].append(found["images_per_second"])
    medians = {arm: float(np.median(values)) for arm, values in taken.items()}
    plain = {"none": "none", "series": "reference-cbam", "reference-cbam": "reference-cbam"}
    table = Table("loop", "attention", "images/s", "quartiles", "of plain")
    rows = []
    for (loop, attention), values in taken.items():
        low, middle, high = quartiles(values)
        ratio = round(medians[loop, attention] / medians["plain", plain[attention]], 2)
        table.add_row(loop, attention, f"{middle:.0f}", f"{low:.0f} to {high:.0f}", str(ratio))
        rows.append(
            {
                "loop": loop,
                "attention": attention,
                "images_per_second": [low, middle, high],
                "of_plain": ratio,
            }
        )
    Console().print(table)
    return rows


def equal_learning(data: str, seeds: int, images: int, epochs: int) -> dict[str, Any]:
    """Return what foveal's rule says of the accuracies of both loops."""
    found: dict[str, list[float]] = {"plain": [], "foveal": []}
    for seed in range(seeds):
        for loop, values in found.items():
            one = trained(loop, "none", data, images=images, epochs=epochs, seed=seed)
            values.append(one["accuracy"])
    comparison = compare(
        found["foveal"], found["plain"], variant="the loop of foveal", margin=MARGIN
    )
    Console().print(f"{comparison.verdict}: {comparison.reason}")
    return {
        "seeds": seeds, "images": images, "epochs": epochs, "margin": MARGIN, "accuracies": found,
        "difference": comparison.difference, "interval": comparison.interval,
        "verdict": comparison.verdict, "reason": comparison.reason,
    }  # fmt: skip


def main() -> None:
    """Print and keep both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=loops.CIFAR10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument(
        "--seeds", type=int, default=5, help="0 leaves the comparison of accuracies out"
    )
    options = parser.parse_args()
    rows = speeds(options.data, options.rounds, options.images)
    keep("train", rows)
    if options.seeds:
        keep("train", rows, learning=equal_learning(options.data, options.seeds, 20000, 3))


if __name__ == "__main__":
    main()
