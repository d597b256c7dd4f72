"""Does a study that is killed again and again end like one that nothing disturbed?

The smoke study is started from the command line and killed with SIGKILL after a random time, so many
times over, each time in a folder of its own; then the same command is run to its end, and the table is
compared with that of the undisturbed study, column by column but for times and dates.
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
SMOKE = ROOT / "studies" / "smoke.toml"


def command(folder: Path, workers: int) -> list[str]:
    """Return the command of the smoke study."""
    ablate = [sys.executable, "-m", "foveal", "ablate", "--config", str(SMOKE)]
    return [*ablate, "--workers", str(workers), "--out", str(folder)]


def kill_after(seconds: float, folder: Path, workers: int) -> bool:
    """Start the study and kill it; return whether it was still at work."""
    started = subprocess.Popen(
        command(folder, workers), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        started.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        started.send_signal(signal.SIGKILL)
        started.wait()
        return True
    return False


def run(folder: Path, workers: int) -> float:
    """Run the study to its end and return the seconds it took."""
    start = time.monotonic()
    subprocess.run(command(folder, workers), check=True, capture_output=True)
    return time.monotonic() - start


def table(folder: Path) -> list[dict[str, str]]:
    """Return results.csv but for its times and dates."""
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith(("time_", "date_"))} for row in rows]


def main() -> int:
    """Print one line a kill; return 1 if any study ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--kills", type=int, default=2, help="of each study, before it may end")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, out = random.Random(options.seed), Console(highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        unbroken = Path(temporary) / "unbroken"
        seconds = run(unbroken, options.workers)
        expected = table(unbroken)
        out.print(f"undisturbed: {len(expected)} runs in {seconds:.0f} s")
        equal = 0
        for place in range(options.times):
            folder = Path(temporary) / f"study-{place}"
            moments = [chance.uniform(0, seconds) for _ in range(options.kills)]
            killed = sum(kill_after(moment, folder, options.workers) for moment in moments)
            run(folder, options.workers)
            same = table(folder) == expected
            equal += same
            told = ", ".join(f"{moment:.1f} s" for moment in moments)
            out.print(
                f"{place + 1:>3}  killed {killed} times (after {told}): {'equal' if same else 'DIFFERENT'}"
            )
            shutil.rmtree(folder)
    out.print(f"{equal} of {options.times} equal")
    return 0 if equal == options.times else 1


if __name__ == "__main__":
    sys.exit(main())
