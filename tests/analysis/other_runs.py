"""Folders of runs of other programs, as these wrote them (tests/fixtures/other_runs/README.md)."""

from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from foveal.analysis.run_tables import RunSource
from foveal.analysis.run_tables import read_runs as read_runs_with_options
from foveal.stats import Judgment, judge

OTHER_RUNS = Path(__file__).parents[1] / "fixtures" / "other_runs"


def copy_runs(name: str, folder: Path) -> Path:
    """Return a copy of the runs of a program, to be changed by a test."""
    return Path(copytree(OTHER_RUNS / name, folder / name))


def change_arguments(run: Path, **arguments: Any) -> None:
    """Change arguments of a run of ultralytics."""
    path = run / "args.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **arguments}))


def cut_results(run: Path, epochs: int) -> None:
    """Cut the results of a run of ultralytics after some epochs, as if it had been stopped."""
    path = run / "results.csv"
    path.write_text("\n".join([*path.read_text().splitlines()[: epochs + 1], ""]))


def read_runs(path: Path, **options: Any) -> RunSource:
    """Return runs that are read with some options."""
    return read_runs_with_options(path, options)


def judge_source(source: RunSource) -> Judgment:
    """Return the judgment of runs that were read."""
    return source.add_findings(judge(source.columns, **source.options))


def list_kinds(folder: Path, **options: Any) -> list[str]:
    """Return the kinds of the suspicions about a folder itself."""
    return [each.kind for each in read_runs(folder, **options).suspicions]
