"""Status table of a study: finished, running and missing runs, and the time left, read from its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from foveal.cli.console import stderr
from foveal.study.config import RunConfig
from foveal.study.status import (
    RunState,
    count_states,
    estimate_seconds_left,
    read_run_state,
)
from foveal.text_format import format_duration

_REFRESHES_PER_SECOND = 1.0


def show_live_status(runs: Sequence[tuple[RunConfig, Path]]) -> Live:
    """Return a live table of `runs`, shown on a terminal until the context ends; empty elsewhere."""

    def render() -> Group:
        states = [read_run_state(config, folder) for config, folder in runs]
        return Group(make_status_table(states), Text(format_status_line(states), style="dim"))

    return Live(
        get_renderable=render if stderr.is_terminal else lambda: Text(""),
        console=stderr,
        refresh_per_second=_REFRESHES_PER_SECOND,
        auto_refresh=stderr.is_terminal,
        transient=True,
    )


def make_status_table(states: Sequence[RunState]) -> Table:
    """Return a table with a row per variant and a state per run, in the order of the seeds."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("runs")
    table.add_column("complete", justify="right")
    rows: dict[str, list[RunState]] = {}
    for state in states:
        rows.setdefault(state.config.key_without_seed, []).append(state)
    for row in rows.values():
        complete = sum(state.state == "complete" for state in row)
        cells = " ".join(_format_state(state) for state in row)
        table.add_row(escape(row[0].config.attention), cells, f"{complete}/{len(row)}")
    return table


def _format_state(state: RunState) -> str:
    """Return the state of a run as a few characters of rich markup."""
    return {
        "complete": "[green]done[/]",
        "running": f"[cyan]{state.share:4.0%}[/]",
        "interrupted": f"[yellow]{state.share:4.0%}[/]",
        "missing": "[dim]  - [/]",
    }[state.state]


def format_status_line(states: Sequence[RunState]) -> str:
    """Return the number of runs in each state and the time left, as one line."""
    by_state = count_states(states)
    text = ", ".join(f"{count} {name}" for name, count in by_state.items() if count)
    seconds = estimate_seconds_left(states)
    if seconds is None or by_state["complete"] == len(states):
        return text
    return f"{text}; about {format_duration(seconds)} left"
