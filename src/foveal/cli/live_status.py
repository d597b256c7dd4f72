"""The live table of a study: what is done, what goes on, and the time left, read from its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from foveal.cli.console import err
from foveal.study.config import RunConfig
from foveal.study.status import (
    RunState,
    config_key_without_seed,
    count_states,
    estimate_seconds_left,
    read_run_state,
)

REFRESHES = 1.0  # a second


def watching(runs: Sequence[tuple[RunConfig, Path]]) -> Live:
    """Return the live table of these runs; it shows where there is a terminal, and goes in the end."""

    def render() -> Group:
        states = [read_run_state(config, folder) for config, folder in runs]
        return Group(states_table(states), Text(summary(states), style="dim"))

    # Elsewhere there are lines alone, and nothing has to be drawn.
    return Live(
        get_renderable=render if err.is_terminal else lambda: Text(""),
        console=err,
        refresh_per_second=REFRESHES,
        auto_refresh=err.is_terminal,
        transient=True,
    )


def states_table(states: Sequence[RunState]) -> Table:
    """Return one row a variant: a mark a run, in the order of the seeds."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("runs")
    table.add_column("complete", justify="right")
    rows: dict[str, list[RunState]] = {}
    for state in states:
        rows.setdefault(config_key_without_seed(state), []).append(state)
    for mine in rows.values():
        done = sum(state.state == "complete" for state in mine)
        marks = " ".join(mark(state) for state in mine)
        table.add_row(escape(mine[0].config.attention), marks, f"{done}/{len(mine)}")
    return table


def mark(state: RunState) -> str:
    """Return how far a run is, in few characters."""
    return {
        "complete": "[green]done[/]",
        "running": f"[cyan]{state.share:4.0%}[/]",
        "interrupted": f"[yellow]{state.share:4.0%}[/]",
        "missing": "[dim]  - [/]",
    }[state.state]


def summary(states: Sequence[RunState]) -> str:
    """Return the counts and the time left in one line."""
    found = count_states(states)
    said = ", ".join(f"{count} {name}" for name, count in found.items() if count)
    left = estimate_seconds_left(states)
    if found["complete"] == len(states):
        return said
    return f"{said}; about {duration(left)} left" if left is not None else said


def duration(seconds: float) -> str:
    """Write a duration for people.

    >>> duration(5), duration(90), duration(4000), duration(7200), duration(200000)
    ('5 s', '2 min', '1 h 7 min', '2 h', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    parts = [(hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
