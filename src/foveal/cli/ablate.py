"""The commands `foveal ablate` and `foveal demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt
from rich.markup import escape

from foveal.cli.console import print_json, print_message, stderr, stdout
from foveal.cli.execution import Execution, choose_executor
from foveal.cli.first_line import add_missing_baseline, describe_runs, describe_time
from foveal.cli.live_status import show_live_status
from foveal.cli.options import DefaultOutFolder, JsonFlag, OutFolder
from foveal.cli.study_tables import list_study_footnotes, print_answer, print_comparisons
from foveal.study.config import StudyConfig
from foveal.text_format import format_count, format_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foveal.records import StudyRecord
    from foveal.stats import Comparison
    from foveal.study.executors import Outcome
    from foveal.study.study import Study

_DEFAULT_STUDY = StudyConfig()
_DEFAULT_EXECUTION = Execution()
# docs/decisions.md says how images, epochs and seeds were chosen. One thread per run: two runs at once train
# more images per second than one run on two threads, and numbers do not depend on the number of cores.
_DEMO_STUDY = StudyConfig(
    data="scenes:size=16:object_size=0.5:clutter=0.3",
    train_size=4000,
    test_size=1000,
    crop=0,
    epochs=5,
    seeds=4,
    batch_size=64,
    learning_rate=0.2,
    dtype="float32",
    threads=1,
)
_DEMO_EXECUTION = Execution(workers=0)


def ablate(
    *,
    config: Annotated[StudyConfig, Parameter(name="*")] = _DEFAULT_STUDY,
    execution: Annotated[Execution, Parameter(name="*")] = _DEFAULT_EXECUTION,
    out_folder: DefaultOutFolder = None,
    json: JsonFlag = False,
) -> None:
    """Train every variant with every seed and compare the variants.

    Finished runs are kept. Repeat the command to continue after an interruption, or with more seeds or
    variants to train only the new runs.

    Parameters
    ----------
    out_folder
        The study folder, by default runs/DATA-MODEL-KEY, the same for the same command. With other seeds or
        another margin, the command continues the same study.
    """
    from foveal.analysis import compare_cell_variants
    from foveal.errors import FovealError
    from foveal.report import write_report
    from foveal.study.default_folder import choose_default_folder
    from foveal.study.design_extension import read_stored_design
    from foveal.study.executors import choose_worker_count
    from foveal.study.run_list import select_shard
    from foveal.study.study import Study, describe_failures
    from foveal.study.trackers import log_verdicts, open_trackers, parse_trackers

    config = add_missing_baseline(config)
    folder = choose_default_folder(config) if out_folder is None else out_folder
    select_shard([], execution.shard)  # reject a wrong shard before the study is created
    print_message(
        f"{describe_runs(config)}, in {escape(str(folder))}. Ctrl-C stops; the same command continues."
    )
    trackers = parse_trackers(execution.log)
    workers = execution.workers or choose_worker_count(config, read_stored_design(folder))
    execution = execution.model_copy(update={"workers": workers})
    executor = choose_executor(execution)
    study = Study.open(folder, config, max_parallel_runs=execution.max_parallel_runs)
    warnings = study.quarantine_damaged_runs()
    _print_warnings(study, warnings)
    trackers, tracker_warnings = open_trackers(folder, trackers)
    _add_warnings(warnings, tracker_warnings)
    missing = study.list_missing_runs(execution.shard)
    # How many runs a sequential study takes is known when it ends.
    of_all = "" if study.design.looks else f"/{len(missing)}"
    study.store_step_times(executor, shard=execution.shard, with_extras=execution.extras)
    print_message(describe_time(folder, missing, parallel=workers))
    outcomes: list[Outcome] = []
    with show_live_status(study, execution.shard):
        for outcome in study.run_missing(
            executor,
            shard=execution.shard,
            with_extras=execution.extras,
            keep_weights=execution.keep_weights == "all",
            trackers=trackers,
        ):
            outcomes.append(outcome)
            _add_warnings(warnings, [outcome.warning] if outcome.warning else [])
            if outcome.error or not stderr.is_terminal:  # the table on a terminal has the others
                print_message(_format_outcome(outcome, len(outcomes), of_all))
    failed = [outcome for outcome in outcomes if outcome.error]
    trained = len(outcomes) - len(failed)
    record = study.write_results()
    if trackers:
        _add_warnings(warnings, log_verdicts(record, trackers))
    page = write_report(folder, only_page=True).page if record.runs else None
    by_cell = [(cell, compare_cell_variants(cell)) for cell in record.split_by_cell()]
    if json:
        from foveal.cli.ablate_schema import make_ablate_output

        print_json(
            make_ablate_output(
                record,
                by_cell,
                trained=trained,
                missing=len(study.list_missing_runs()),
                warnings=warnings,
                page=page,
            )
        )
    else:
        for cell_record, comparisons in by_cell:
            print_comparisons(cell_record, comparisons)
        for line in list_study_footnotes(record):
            stdout.print(line)
        _print_summary(study, trained, execution.shard)
        _print_answers(by_cell, page)
    if failed:
        raise FovealError(describe_failures(failed, len(outcomes)))


def _print_warnings(study: Study, warnings: Sequence[str]) -> None:
    """Print what is damaged, and that seeds were added which the study was not planned for."""
    for warning in warnings:
        print_message(escape(warning))
    planned = study.design.planned_seeds
    if study.design.seeds > planned:
        print_message(
            f"Planned for {format_count(planned, 'seed')}: verdicts from more are marked. A new study with "
            "--until-decided adds seeds at the promised error rate."
        )


def _add_warnings(warnings: list[str], new: Sequence[str]) -> None:
    """Print and keep the warnings that are new: a tracker that fails does so in every run."""
    for text in new:
        if text not in warnings:
            warnings.append(text)
            print_message(escape(text))


def _format_outcome(outcome: Outcome, number: int, count: str) -> str:
    """Return the line of a run that ended, the `number`-th, as rich markup."""
    from foveal.records import read_results

    config = outcome.task.config
    name = f"{number:>3}{count}  {escape(config.attention):<28} seed {config.seed:<3}"
    if outcome.is_left_out:
        return f"{name} [yellow]left out[/]: the seed needs another instruction set"
    if outcome.error:
        return f"{name} [red]failed[/]: {escape(outcome.error)}"
    accuracy = read_results(outcome.task.folder)["test_accuracy"]
    return f"{name} test accuracy {format_percent(accuracy):>6} %"


def _print_summary(study: Study, trained: int, shard: str | None) -> None:
    """Print the number of trained and missing runs, and the path of the table."""
    missing = len(study.list_missing_runs())
    missing_text = f"; {missing} still missing" if missing else ""
    if missing and shard is not None and not study.list_missing_runs(shard):
        missing_text = f"; waiting for {format_count(missing, 'run')} of other shards: run again"
    runs = format_count(len(study.list_wanted_runs()), "run")
    now = "all" if trained == len(study.list_wanted_runs()) else f"{trained} of them"
    text = f"{runs}, {now} trained now{missing_text}"
    table = escape(str(study.folder / "results.csv"))
    stdout.print(f"[dim]{text}. All numbers: {table}[/]\n", soft_wrap=True)


def _print_answers(
    by_cell: Sequence[tuple[StudyRecord, list[Comparison]]], page: Path | None
) -> None:
    """Print the answer of each cell and what to do next, and last the path of the report.

    Many terminals open it with a click.
    """
    for cell, comparisons in by_cell:
        print_answer(cell, comparisons)
    if page is not None:
        link = page.resolve().as_uri()
        stdout.print(f"[link={link}]Report: {escape(str(page))}[/link]", soft_wrap=True)


def demo(
    *,
    out_folder: OutFolder = Path("runs/demo"),
    first_seed: NonNegativeInt = 0,
    json: JsonFlag = False,
) -> None:
    """Compare five variants on small synthetic images in a few minutes, offline.

    Parameters
    ----------
    out_folder
        The study folder.
    first_seed
        First of the consecutive seeds, to repeat the study with other ones in another folder.
    """
    config = _DEMO_STUDY.model_copy(update={"first_seed": first_seed})
    ablate(config=config, execution=_DEMO_EXECUTION, out_folder=out_folder, json=json)
