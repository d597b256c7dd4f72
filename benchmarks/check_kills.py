"""Check that a study that is killed several times ends with the same results as an undisturbed study.

The smoke study is started from the command line and killed with SIGKILL after a random time, several times,
each time in a new folder. Then the same command runs to the end, and its results.csv is compared with that of
an undisturbed study, except for times and dates.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
SMOKE_STUDY = ROOT / "studies" / "smoke.toml"


def study_command(folder: Path, workers: int) -> list[str]:
    """Return the command of the smoke study."""
    ablate = [sys.executable, "-m", "foveal", "ablate", "--config", str(SMOKE_STUDY)]
    return [*ablate, "--workers", str(workers), "--out", str(folder)]


def kill_after(seconds: float, folder: Path, workers: int) -> bool:
    """Start the study and kill it after `seconds`; return whether it was still running."""
    process = subprocess.Popen(
        study_command(folder, workers), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def run_to_end(folder: Path, workers: int) -> float:
    """Run the study to the end and return its duration in seconds."""
    start = time.monotonic()
    subprocess.run(study_command(folder, workers), check=True, capture_output=True)
    return time.monotonic() - start


def read_results(folder: Path) -> list[dict[str, str]]:
    """Return the rows of results.csv without times and dates."""
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith(("time_", "date_"))} for row in rows]


def main() -> int:
    """Print a line per killed study; return 1 if any of them has different results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="number of killed studies")
    parser.add_argument("--kills", type=int, default=2, help="kills per study")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator, console = random.Random(options.seed), Console(highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        undisturbed = Path(temporary) / "undisturbed"
        seconds = run_to_end(undisturbed, options.workers)
        expected = read_results(undisturbed)
        console.print(f"undisturbed: {len(expected)} runs in {seconds:.0f} s")
        equal_count = 0
        for index in range(options.times):
            folder = Path(temporary) / f"study-{index}"
            delays = [generator.uniform(0, seconds) for _ in range(options.kills)]
            killed = sum(kill_after(delay, folder, options.workers) for delay in delays)
            run_to_end(folder, options.workers)
            is_equal = read_results(folder) == expected
            equal_count += is_equal
            delay_list = ", ".join(f"{delay:.1f} s" for delay in delays)
            verdict = "equal" if is_equal else "DIFFERENT"
            console.print(f"{index + 1:>3}  killed {killed} times (after {delay_list}): {verdict}")
            shutil.rmtree(folder)
    console.print(f"{equal_count} of {options.times} equal")
    return 0 if equal_count == options.times else 1


if __name__ == "__main__":
    sys.exit(main())
