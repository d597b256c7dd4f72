"""Status table of a study: accuracies, running and missing runs, and the time left, read from its folder."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from foveal.cli.console import stderr
from foveal.study.needed_runs import select_wanted_runs
from foveal.study.status import (
    RunState,
    count_states,
    estimate_seconds_left,
    read_run_state,
)
from foveal.text_format import format_duration

if TYPE_CHECKING:
    from foveal.records import StudyRecord
    from foveal.study.study import Study

_REFRESHES_PER_SECOND = 1.0


def show_live_status(study: Study, shard: str | None) -> Live:
    """Return a live table of a study, shown on a terminal until the context ends; empty elsewhere."""
    all_runs = study.list_runs(shard)

    def render() -> Group:
        record = study.read_finished() if study.design.looks else None
        runs = select_wanted_runs(all_runs, record) if record else all_runs
        states = [read_run_state(config, folder) for config, folder in runs]
        lines = [*(list_look_lines(record) if record else ()), *list_status_lines(states)]
        return Group(make_status_table(states), *map(Text.from_markup, lines))

    return Live(
        get_renderable=render if stderr.is_terminal else lambda: Text(""),
        console=stderr,
        refresh_per_second=_REFRESHES_PER_SECOND,
        auto_refresh=stderr.is_terminal,
        transient=True,
    )


def list_look_lines(record: StudyRecord) -> list[str]:
    """Return a line per comparison of a sequential study, its last look and what decides next, as markup."""
    from foveal.analysis import describe_course

    lines = []
    for cell in record.split_by_cell():
        label = f"{cell.cell.label}: " if cell.cell and cell.cell.label else ""
        lines += [escape(label + line) for line in describe_course(cell)]
    return lines


def make_status_table(states: Sequence[RunState]) -> Table:
    """Return a table with a row per variant and a state per run, in the order of the seeds.

    A complete run is its test accuracy in percent. The mean of a variant follows from two runs on.
    """
    table = Table(
        title="Test accuracy in % by seed", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("variant", no_wrap=True)
    table.add_column("runs")
    table.add_column("complete", justify="right")
    table.add_column("mean ± sd", justify="right", no_wrap=True)
    rows: dict[str, list[RunState]] = {}
    for state in states:
        rows.setdefault(state.config.key_without_seed, []).append(state)
    for row in rows.values():
        accuracies = [100 * state.accuracy for state in row if state.accuracy is not None]
        cells = " ".join(_format_state(state) for state in row)
        mean = ""
        if len(accuracies) > 1:
            mean = f"{statistics.fmean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}"
        complete = f"{len(accuracies)}/{len(row)}"
        table.add_row(escape(row[0].config.attention), cells, complete, mean)
    return table


def _format_state(state: RunState) -> str:
    """Return the state of a run as a few characters of rich markup."""
    if state.accuracy is not None:
        return f"[green]{100 * state.accuracy:4.1f}[/]"
    return {
        "complete": "[green]done[/]",
        "running": f"[cyan]{state.share:4.0%}[/]",
        "interrupted": f"[yellow]{state.share:4.0%}[/]",
        "missing": "[dim]  - [/]",
    }[state.state]


def list_status_lines(states: Sequence[RunState]) -> list[str]:
    """Return a line per running run, and the number of runs in each state with the time left, as markup."""
    lines = [_describe_running(state) for state in states if state.state == "running"]
    return [*lines, f"[dim]{format_status_line(states)}[/]"]


def _describe_running(state: RunState) -> str:
    """Return the epoch, the accuracies after the last epoch and the time of a step of a running run."""
    config, progress = state.config, state.progress
    epoch = min(config.epochs, math.floor(state.share * config.epochs) + 1)
    parts = [f"epoch {epoch} of {config.epochs}"]
    if progress is not None and progress.train_accuracy is not None:
        parts.append(f"train {progress.train_accuracy:.1%}")
    if progress is not None and progress.test_accuracy is not None:
        parts.append(f"test {progress.test_accuracy:.1%}")
    if progress is not None and progress.step_seconds is not None:
        parts.append(f"{1000 * progress.step_seconds:.0f} ms a step")
    return f"[cyan]{escape(config.attention)}, seed {config.seed}[/]: {', '.join(parts)}"


def format_status_line(states: Sequence[RunState]) -> str:
    """Return the number of runs in each state and the time left, as one line."""
    by_state = count_states(states)
    text = ", ".join(f"{count} {name}" for name, count in by_state.items() if count)
    seconds = estimate_seconds_left(states)
    if seconds is None or by_state["complete"] == len(states):
        return text
    return f"{text}; about {format_duration(seconds)} left"
