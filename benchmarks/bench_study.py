"""How many runs an hour does the five-variant study of the ConvNet do, against plain loops?

Those have the reference gates. Both train each variant on the same images for as many epochs and evaluate
it, from starting the process to its end. Ours is `foveal ablate` without extras, of two seeds: with one,
whoever does two runs at a time has nothing to do beside the fifth. Plain loops are a process each, so that one
seed says it all.
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

import loops
from bench_train import trained
from results import keep
from side_by_side import quartiles

OURS = ("none", "channel", "spatial", "parallel", "series")
THEIRS = ("none", "reference-channel", "reference-spatial", "reference-bam", "reference-cbam")


def study(data: str, images: int, epochs: int, workers: int, seeds: int) -> float:
    """Return the runs an hour of our study."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "foveal", "ablate", "--data", data, "--model", "convnet"]
        call += ["--attention", ",".join(OURS), "--epochs", str(epochs)]
        call += ["--train-size", str(images)]
        call += ["--batch-size", "128", "--seeds", str(seeds)]
        call += ["--no-extras", "--workers", str(workers)]
        call += ["--threads", "1"] if workers > 1 else []
        start = time.perf_counter()
        subprocess.run(
            [*call, "--out", str(Path(folder) / "study")], check=True, capture_output=True
        )
    return 3600 * len(OURS) * seeds / (time.perf_counter() - start)


def plain(data: str, images: int, epochs: int) -> float:
    """Return the runs an hour of plain loops, one after the other."""
    start = time.perf_counter()
    for attention in THEIRS:
        trained("plain", attention, data, images=images, epochs=epochs)
    return 3600 * len(THEIRS) / (time.perf_counter() - start)


def main() -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=loops.CIFAR10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2, help="of our study")
    options = parser.parse_args()
    sizes = (options.data, options.images, options.epochs)
    arms = {
        "plain loops": lambda: plain(*sizes),
        "foveal, one run at a time": lambda: study(*sizes, 1, options.seeds),
        "foveal, two runs of one thread": lambda: study(*sizes, 2, options.seeds),
    }
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(options.rounds):
        for name, arm in arms.items():
            taken[name].append(arm())
    table = Table("", "runs/h", "quartiles", "of plain")
    base = quartiles(taken["plain loops"])[1]
    rows = []
    for name, values in taken.items():
        low, middle, high = quartiles(values)
        table.add_row(name, f"{middle:.0f}", f"{low:.0f} to {high:.0f}", f"{middle / base:.2f}")
        rows.append(
            {"arm": name, "runs_per_hour": [low, middle, high], "of_plain": round(middle / base, 2)}
        )
    Console().print(table)
    keep("study", rows, images=options.images, epochs=options.epochs, seeds=options.seeds)


if __name__ == "__main__":
    main()
