"""`foveal ablate` and `foveal demo`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from foveal.cli.console import LiveProgress, out, print_json
from foveal.cli.tables import study_table, verdict_lines
from foveal.study.config import StudyConfig

if TYPE_CHECKING:
    from foveal.records import StudyRecord
    from foveal.stats import Comparison

DEFAULT = StudyConfig()
# Small enough for four minutes on two cores, and large enough that every network clearly learns.
DEMO = StudyConfig(
    data="scenes:clutter=0.25",
    train_size=3000,
    test_size=1000,
    epochs=3,
    seeds=3,
    batch_size=64,
    learning_rate=0.05,
)


def ablate(
    config: Annotated[StudyConfig, Parameter(name="*")] = DEFAULT,
    *,
    out_folder: Annotated[Path, Parameter(name="--out")],
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Train every variant with every seed, and say what that shows.

    Runs that are finished are kept: the same command goes on after a break, and more seeds or variants
    train only what is new.

    Parameters
    ----------
    out_folder
        The study folder.
    json
        Print one JSON object on stdout.
    """
    from foveal.records import is_complete
    from foveal.report import report
    from foveal.study.study import Study, comparisons

    study = Study.open(out_folder, config)
    missing = sum(not is_complete(folder) for _, folder in study.runs())
    with LiveProgress(missing, epochs=False) as progress:
        record = study.run(progress)
    found = comparisons(record)
    page = report(out_folder)
    if json:
        print_json(as_json(record, found, trained=missing, page=page))
        return
    out.print(study_table(record, found))
    for line in verdict_lines(record, found):
        out.print(line)
    out.print(f"{len(record.runs)} runs, {missing} of them trained now")
    out.print(f"table   {out_folder / 'results.csv'}", soft_wrap=True)
    out.print(f"report  {page}", soft_wrap=True)


def as_json(
    record: StudyRecord, found: list[Comparison], *, trained: int, page: Path
) -> dict[str, Any]:
    """Return the result of a study as JSON can hold it."""
    from foveal.records import results_rows

    return {
        "schema": 1,
        "study": str(record.folder),
        "trained": trained,
        "runs": results_rows(record.runs),
        "comparisons": [plain(asdict(comparison)) for comparison in found],
        "report": str(page),
    }


def plain(content: dict[str, Any]) -> dict[str, Any]:
    """Replace what JSON has no word for: an interval that there is not."""
    return {
        name: None if isinstance(value, tuple) and value[0] != value[0] else value
        for name, value in content.items()
    }


def demo(
    *,
    out_folder: Annotated[Path, Parameter(name="--out")] = Path("runs/demo"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Compare five variants on rendered scenes in a few minutes, without a network.

    Parameters
    ----------
    out_folder
        The study folder.
    json
        Print one JSON object on stdout.
    """
    ablate(DEMO, out_folder=out_folder, json=json)
