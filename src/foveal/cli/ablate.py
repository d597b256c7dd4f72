"""`foveal ablate` and `foveal demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape

from foveal.cli.console import out, print_json, say
from foveal.cli.execution import Execution, executor_of
from foveal.cli.live_status import watching
from foveal.cli.study_tables import part_lines, study_lines, study_table
from foveal.study.config import StudyConfig

if TYPE_CHECKING:
    from foveal.study.executors import Outcome
    from foveal.study.study import Study

DEFAULT = StudyConfig()
HERE = Execution()
# Small enough for four minutes on two cores, and large enough that every network clearly learns.
DEMO = StudyConfig(
    data="scenes:clutter=0.25",
    train_size=2300,
    test_size=1000,
    epochs=3,
    seeds=3,
    batch_size=64,
    learning_rate=0.05,
)


def ablate(
    *,
    config: Annotated[StudyConfig, Parameter(name="*")] = DEFAULT,
    execution: Annotated[Execution, Parameter(name="*")] = HERE,
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
    from foveal.errors import FovealError
    from foveal.report import compare_with_baseline, report
    from foveal.study.design import select_shard
    from foveal.study.resolved_design import read_stored_design
    from foveal.study.study import Study, describe_failures
    from foveal.study.worker_count import choose_worker_count

    workers = execution.workers or choose_worker_count(config, read_stored_design(out_folder))
    execution = execution.model_copy(update={"workers": workers})
    executor = executor_of(execution)
    select_shard([], execution.shard)  # a typo should not leave a study behind
    study = Study.open(out_folder, config, at_a_time=execution.at_a_time)
    noticed = study.set_aside_damaged()
    for notice in noticed:
        say(escape(notice))
    missing = len(study.missing(execution.shard))
    outcomes = []
    with watching(study.runs(execution.shard)):
        for outcome in study.outcomes(
            executor, shard=execution.shard, with_extras=execution.extras
        ):
            outcomes.append(outcome)
            noticed += [outcome.noticed] if outcome.noticed else []
            say(outcome_line(outcome, len(outcomes), missing))
    failed = [outcome for outcome in outcomes if outcome.error]
    record = study.record()
    page = report(out_folder, only_page=True).page if record.runs else None
    found = [(part, compare_with_baseline(part)) for part in record.parts()]
    if json:
        from foveal.cli.json_schema import ablate_output

        compared = [(part.cell.label, one) for part, many in found for one in many if part.cell]
        print_json(
            ablate_output(
                record,
                compared,
                trained=len(outcomes) - len(failed),
                missing=len(study.missing()),
                noticed=noticed,
                page=page,
            )
        )
    else:
        for part, many in found:
            out.print(study_table(part, many))
            for line in part_lines(many):
                out.print(line)
        for line in study_lines(record):
            out.print(line)
        say_where(study, len(outcomes) - len(failed), page)
    if failed:
        raise FovealError(describe_failures(failed, len(outcomes)))


def outcome_line(outcome: Outcome, place: int, count: int) -> str:
    """Return one line on how a run ended."""
    from foveal.records.run import read_results
    from foveal.records.schema import RESULTS

    config = outcome.task.config
    name = f"{place:>3}/{count}  {escape(config.attention):<28} seed {config.seed:<3}"
    if outcome.error:
        return f"{name} [red]failed[/]: {escape(outcome.error)}"
    accuracy = read_results(outcome.task.folder / RESULTS)["test_accuracy"]
    return f"{name} test accuracy {accuracy:7.2%}"


def say_where(study: Study, trained: int, page: Path | None) -> None:
    """Say what was done, what is left, and where the results lie."""
    left = len(study.missing())
    others = f"; {left} are still to be done" if left else ""
    out.print(f"{len(study.runs())} runs, {trained} of them trained now{others}")
    if page is not None:
        out.print(f"table   {study.folder / 'results.csv'}", soft_wrap=True, markup=False)
        out.print(f"report  {page}", soft_wrap=True, markup=False)


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
    ablate(config=DEMO, out_folder=out_folder, json=json)
