"""Page on judge: its shell loop ends with the verdicts of all values, and its workflow fails on worse only."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from foveal.stats import plan_looks, run_sequential_test

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "judge.md").read_text()
REAL_RUNS = ROOT / "benchmarks" / "results" / "convnet-cifar10-short-runs.csv"


def run_shell(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script as the commands of the page run, with `foveal` and `python` on the path."""
    program = folder / "bin" / "foveal"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m foveal "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join((str(program.parent), str(Path(sys.executable).parent)))
    return subprocess.run(
        ["sh", "-e", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": os.pathsep.join((path, os.environ["PATH"]))},
    )  # fmt: skip


def test_loop_trains_until_the_verdicts_on_real_values(tmp_path: Path) -> None:
    (script,) = re.findall(r"```\{file\} loop.sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(script.splitlines()) <= 20
    shutil.copy(REAL_RUNS, tmp_path / "real.csv")
    done = run_shell(script, tmp_path)
    assert done.returncode == 0, done.stderr
    with REAL_RUNS.open() as file:
        real = [float(row["test_accuracy"]) for row in csv.DictReader(file)]
    none, bam = real[:20], real[20:]
    cbam = [value + 0.05 for value in bam]
    results = {
        name: run_sequential_test(
            values, none, design=plan_looks(20, comparisons=2), margin=0.03, test_images=10_000
        )
        for name, values in (("cbam", cbam), ("bam", bam))
    }
    for name, result in results.items():
        assert f"\n{name}: {result.verdict}, " in done.stdout
    seeds = {name: result.looks[-1].seeds for name, result in results.items()}
    with (tmp_path / "runs.csv").open() as file:
        trained = [row["variant"] for row in csv.DictReader(file)]
    assert seeds["cbam"] < seeds["bam"] < 20  # each stops by itself
    assert {name: trained.count(name) for name in ("none", "cbam", "bam")} == {
        "none": seeds["bam"],
        **seeds,
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ([75.2, 75.6, 75.1], 0),  # better
        ([70.2, 70.3, 70.1], 0),  # equivalent or undecided
        ([65.2, 65.6, 65.1], 1),  # worse
        (["nan", 65.6, 65.1], 1),  # not a table that can be judged
    ],
)
def test_workflow_fails_on_worse(tmp_path: Path, change: list[float | str], code: int) -> None:
    (text,) = re.findall(r"```yaml\n(on: pull_request\n.*?)```", PAGE, re.DOTALL)
    assert len(text.splitlines()) <= 10
    steps = yaml.safe_load(text)["jobs"]["verdict"]["steps"]
    gate = steps[-1]["run"]
    rows = [f"main,{seed},{value}" for seed, value in enumerate([70.1, 70.4, 69.9])]
    rows += [f"change,{seed},{value}" for seed, value in enumerate(change)]
    (tmp_path / "runs.csv").write_text("\n".join(["variant,seed,accuracy", *rows, ""]))
    assert run_shell(gate, tmp_path).returncode == code
