"""Check that a study that is killed several times ends with the same results as an undisturbed study.

A study is started from the command line, killed with SIGKILL at random times, and started again until it has
nothing left to train. Then its runs, its results.csv except for times and dates, and its comparisons with their
looks are compared with those of an undisturbed study. Without `--sequential` it is the smoke study, many times.
With it, it is a study of CIFAR-10 that stops when it knows, once in each of three forms: in one process, in a
pool, and in two shards that run in turns; results/check_kills.json then has its looks and verdicts.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from foveal.analysis import compare_cell_variants
from foveal.records import read_study
from foveal.stats import Comparison
from result_files import save_results
from training_loops import CIFAR10

ABLATE = [sys.executable, "-m", "foveal", "ablate"]
SMOKE_STUDY = Path(__file__).parents[1] / "studies" / "smoke.toml"
SMOKE_KILLS = 2
VARIANTS, FIRST_LOOKS = 5, (4, 5)
# Numbers are compared bit for bit, so nothing is left to a probe. No extras and no weights: they take longer
# than the training, and no look needs them.
SEQUENTIAL_OPTIONS = (
    "--train-size 5000 --test-size 2000 --epochs 3 --attention none,channel,spatial,bam,cbam "
    "--until-decided --max-seeds 12 --device cpu --threads 1 --dtype float32 --kernels native "
    "--no-extras --keep-weights none"
)
SEQUENTIAL_KILLS = 5
IN_ONE_PROCESS = [["--workers", "1"]]
FORMS = {
    "one process": IN_ONE_PROCESS,
    "pool of two": [["--workers", "2"]],
    "two shards in turns": [["--workers", "1", "--shard", shard] for shard in ("1/2", "2/2")],
}
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Kill:
    """Moment of a kill: when so many runs are finished, and then after so many seconds."""

    finished_runs: int
    seconds: float


@dataclass(frozen=True)
class Ends:
    """What must be equal: names of run folders, rows of results.csv, and comparisons with their looks."""

    folders: list[str]
    rows: list[dict[str, str]]
    comparisons: list[Comparison]


def draw_kills(count: int, runs: int, run_seconds: float, generator: random.Random) -> list[Kill]:
    """Return the moments of the kills, at different numbers of finished runs below `runs`, in their order."""
    finished = sorted(generator.sample(range(runs), min(count, runs)))
    return [Kill(number, generator.uniform(0, run_seconds)) for number in finished]


def run_with_kills(commands: Sequence[list[str]], folder: Path, kills: Sequence[Kill]) -> int:
    """Run the commands in turns until none finishes a run any more; return the number of kills.

    Raises:
        subprocess.CalledProcessError: a command fails.
    """
    pending, idle_turns = list(kills), 0
    turns = itertools.cycle(commands)
    while idle_turns < len(commands):
        runs_before = count_finished_runs(folder)
        if run_until_kill([*next(turns), "--out", str(folder)], folder, pending[:1]):
            del pending[0]
            idle_turns = 0
        else:
            is_idle = count_finished_runs(folder) == runs_before
            idle_turns = idle_turns + 1 if is_idle else 0
    return len(kills) - len(pending)


def run_until_kill(command: list[str], folder: Path, kills: Sequence[Kill]) -> bool:
    """Run a command to its end, or to a moment at which it is killed; return whether it was."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for kill in kills:
        while process.poll() is None and count_finished_runs(folder) < kill.finished_runs:
            time.sleep(POLL_SECONDS)
        try:
            process.wait(timeout=kill.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
    if process.wait() != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return False


def list_run_names(folder: Path) -> list[str]:
    """Return the names of the folders in `runs/`: finished, interrupted and damaged ones."""
    return sorted(path.name for path in (folder / "runs").glob("*"))


def count_finished_runs(folder: Path) -> int:
    """Return the number of finished runs of a study that may not exist yet."""
    return sum("." not in name for name in list_run_names(folder))


def read_ends(folder: Path) -> Ends:
    """Return what a study has to have in common with an undisturbed one."""
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    cells = read_study(folder).split_by_cell()
    return Ends(
        list_run_names(folder),
        [{k: v for k, v in row.items() if not k.startswith(("time_", "date_"))} for row in rows],
        [comparison for cell in cells for comparison in compare_cell_variants(cell)],
    )


def compare_ends(ends: Ends, expected: Ends) -> dict[str, bool]:
    """Return what is equal."""
    return {
        "has_same_runs": ends.folders == expected.folders,
        "has_same_results": ends.rows == expected.rows,
        # As text, because NaN differs from itself.
        "has_same_looks_and_verdicts": repr(ends.comparisons) == repr(expected.comparisons),
    }


def describe_comparison(comparison: Comparison) -> dict[str, object]:
    """Return the looks, the stop and the verdict of a comparison, in points."""
    sequential = comparison.sequential
    return {
        "variant": comparison.variant,
        "verdict": comparison.verdict,
        "stop": sequential.stop if sequential else None,
        "looks": [look.seeds for look in sequential.looks] if sequential else [],
        "difference": round(100 * comparison.difference, 2),
        "interval": [round(100 * end, 2) for end in comparison.interval],
    }


def check_smoke_study(options: argparse.Namespace, root: Path, console: Console) -> bool:
    """Kill the smoke study many times; print a line for each; return whether all are equal."""
    command = [*ABLATE, "--config", str(SMOKE_STUDY), "--workers", str(options.workers)]
    run_with_kills([command], root / "undisturbed", [])
    expected = read_ends(root / "undisturbed")
    console.print(f"undisturbed: {len(expected.folders)} runs")
    generator, equal_count = random.Random(options.seed), 0
    for index in range(options.times):
        folder = root / f"study-{index}"
        kills = draw_kills(SMOKE_KILLS, len(expected.folders), options.run_seconds, generator)
        killed = run_with_kills([command], folder, kills)
        is_equal = all(compare_ends(read_ends(folder), expected).values())
        equal_count += is_equal
        verdict = "equal" if is_equal else "DIFFERENT"
        console.print(f"{index + 1:>3}  killed {killed} times: {verdict}")
    console.print(f"{equal_count} of {options.times} equal")
    return bool(equal_count == options.times)


def check_sequential_study(options: argparse.Namespace, root: Path, console: Console) -> bool:
    """Kill the sequential study in every form, all at once, and write results; return whether all are equal."""
    base = [*ABLATE, "--data", options.data, *shlex.split(SEQUENTIAL_OPTIONS)]
    generator = random.Random(options.seed)
    runs = VARIANTS * FIRST_LOOKS[1]  # most studies have more
    plans = {
        form: draw_kills(SEQUENTIAL_KILLS, runs, options.run_seconds, generator) for form in FORMS
    }

    def run_form(form: str, commands: list[list[str]]) -> int:
        return run_with_kills(
            [[*base, *arguments] for arguments in commands], root / form, plans.get(form, [])
        )

    with ThreadPoolExecutor() as pool:
        undisturbed = pool.submit(run_form, "undisturbed", IN_ONE_PROCESS)
        kill_counts = list(pool.map(run_form, FORMS, FORMS.values()))
        undisturbed.result()
    expected, rows = read_ends(root / "undisturbed"), []
    for form, killed in zip(FORMS, kill_counts, strict=True):
        ends = read_ends(root / form)
        moments = [f"{kill.finished_runs} runs and {kill.seconds:.1f} s" for kill in plans[form]]
        rows.append(
            {"form": form, "kills": killed, "killed_after": moments, "runs": len(ends.folders)}
            | compare_ends(ends, expected)
        )
    comparisons = [describe_comparison(each) for each in expected.comparisons]
    summary: dict[str, Any] = {
        "undisturbed_runs": len(expected.folders),
        "comparisons": comparisons,
    }
    console.print(summary, *rows, sep="\n")
    save_results("check_kills", rows, options=SEQUENTIAL_OPTIONS, **summary)
    return all(value is not False for row in rows for value in row.values())


def main() -> int:
    """Run the check; return 1 if any killed study has other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequential", action="store_true", help="check the sequential study")
    parser.add_argument("--data", default=CIFAR10, help="CIFAR-10, for the sequential study")
    parser.add_argument("--times", type=int, default=20, help="number of killed smoke studies")
    parser.add_argument("--workers", type=int, default=1, help="parallel runs of the smoke study")
    parser.add_argument(
        "--run-seconds",
        type=float,
        default=10.0,
        help="longest time from the end of a run, or from a start, to a kill",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder that keeps the studies, or continues them")
    options = parser.parse_args()
    check = check_sequential_study if options.sequential else check_smoke_study
    with tempfile.TemporaryDirectory() as temporary:
        root = options.out or Path(temporary)
        is_equal = check(options, root, Console(highlight=False, width=140))
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
