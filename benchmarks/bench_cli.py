"""Wall-clock time of short commands as whole processes: help, list, a usage error, a report, a judgment.

Every command is interleaved with baselines: `python -c "import numpy"`, and the same command of another
checkout if `--baseline` names one. Reported are medians with quartiles and ratios to the baselines.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from interleaved_timing import median_ratios, quartiles, time_interleaved, timing_table
from result_files import save_results

SOURCE = Path(__file__).parents[1] / "src"
NUMPY_IMPORT = "import numpy"
STUDY_OPTIONS = (
    "--attention", "none,spatial", "--train-size", "100", "--test-size", "50", "--epochs", "1",
    "--batch-size", "50", "--seeds", "3", "--device", "cpu", "--threads", "1", "--dtype", "float32",
)  # fmt: skip


def write_table(path: Path) -> None:
    """Write a table of 10,000 runs: 100 variants that differ in nothing, with 100 seeds each."""
    values = np.random.default_rng(0).normal(70, 1, (100, 100)).round(2)
    names = ["none", *(f"variant{number}" for number in range(1, 100))]
    rows = [
        f"{name},{seed},{value}"
        for name, each in zip(names, values.tolist(), strict=True)
        for seed, value in enumerate(each)
    ]
    path.write_text("\n".join(["variant,seed,accuracy", *rows, ""]))


def make_foveal_call(source: Path, *arguments: str, code: int = 0) -> Callable[[], None]:
    """Return a function that runs a command of the package in `source` and checks its exit code."""
    environment = os.environ | {"PYTHONPATH": str(source)}

    def run() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "foveal", *arguments], env=environment, capture_output=True
        )
        assert done.returncode == code, done.stderr.decode()

    return run


def import_numpy() -> None:
    """Start Python and import numpy."""
    subprocess.run([sys.executable, "-c", NUMPY_IMPORT], check=True)


def measure_command(name: str, arms: dict[str, Callable[[], None]], rounds: int) -> dict[str, Any]:
    """Time a command in every checkout and the import of numpy, print the table, return the row."""
    times = time_interleaved({**arms, NUMPY_IMPORT: import_numpy}, rounds)
    base = "baseline" if "baseline" in arms else NUMPY_IMPORT
    Console().print(timing_table(name, times, base))
    return {
        "command": name,
        "quartiles_ms": {arm: quartiles(values) for arm, values in times.items()},
        "ratio_to_numpy": median_ratios(times, NUMPY_IMPORT),
    }


def main() -> None:
    """Print a table per command and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--baseline", type=Path, help="another checkout of foveal; the results are not saved"
    )
    options = parser.parse_args()
    sources = {"foveal": SOURCE}
    if options.baseline is not None:
        sources["baseline"] = options.baseline.resolve() / "src"
    with tempfile.TemporaryDirectory() as temporary:
        # Every checkout writes its own study, because the formats may differ.
        studies = {label: str(Path(temporary) / label) for label in sources}
        for label, source in sources.items():
            make_foveal_call(source, "ablate", *STUDY_OPTIONS, "--out", studies[label])()
        table = str(Path(temporary) / "runs.csv")
        write_table(Path(table))
        judge_words = (
            "judge",
            table,
            "--margin",
            "0.5",
            "--test-images",
            "10000",
            "--chance",
            "0.1",
        )
        rows = []
        for name, arguments, code in (
            ("foveal --help", ("--help",), 0),
            ("foveal list", ("list",), 0),
            ("foveal trian (usage error)", ("trian",), 2),
            ("foveal report STUDY", ("report", "STUDY"), 0),
            ("foveal judge TABLE (10,000 runs)", judge_words, 0),
        ):
            arms = {
                label: make_foveal_call(
                    source,
                    *(studies[label] if word == "STUDY" else word for word in arguments),
                    code=code,
                )
                for label, source in sources.items()
            }
            rows.append(measure_command(name, arms, options.rounds))
    if options.baseline is None:
        save_results("cli", rows)


if __name__ == "__main__":
    main()
