"""Verdicts on a table of runs for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import stdout
from foveal.cli.study_tables import VERDICT_COLORS, emphasize_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foveal.stats import Judgment, SelfCheck
    from foveal.text_tables import Table as TextTable

_REMARK_COLORS: Final = {"Check": "yellow", "Not checked": "dim", "Note": "dim"}


def print_judgment(judgment: Judgment) -> None:
    """Print table, sentences, answer and next runs of each data set, and the remarks before the answers."""
    from foveal.analysis import run_tables

    tables = [run_tables.make_verdict_table(judgment, part) for part in judgment.parts]
    for part, table in zip(judgment.parts, tables, strict=True):
        stdout.print(_make_rich_table(table))
        for variant, sentence in run_tables.list_verdict_sentences(part):
            stdout.print(f"[bold]{escape(variant)}[/]: {escape(sentence)}")
    stdout.print(f"[dim]{escape(tables[0].note)}[/]")
    for kind, text in run_tables.list_remarks(judgment):
        stdout.print(f"[{_REMARK_COLORS[kind]}]{kind}[/] {escape(text)}")
    stdout.print()
    for part in judgment.parts:
        for variant, sentence in run_tables.describe_looks_of_design(judgment, part):
            stdout.print(f"[bold]{escape(variant)}[/]: {escape(sentence)}")
        stdout.print(emphasize_names(run_tables.write_judgment_answer(judgment, part)))
        for sentence in run_tables.describe_next_runs(part):
            stdout.print(escape(sentence))
    for sentence in run_tables.describe_data_summaries(judgment):
        stdout.print(emphasize_names(sentence))


def print_self_checks(checks: Sequence[SelfCheck]) -> None:
    """Print the results of self-checks."""
    from foveal.analysis import run_tables

    for check in checks:
        stdout.print(escape(run_tables.describe_self_check(check)))


def _make_rich_table(table: TextTable) -> Table:
    """Return the table for the terminal, with verdicts in color."""
    rich_table = Table(
        title=escape(table.title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading, is_text in zip(table.headings, table.is_text, strict=True):
        rich_table.add_column(
            escape(heading), justify="left" if is_text else "right", no_wrap=not is_text
        )
    for row in table.rows:
        color = VERDICT_COLORS.get(row[-1].partition("\n")[0], "dim")
        rich_table.add_row(*map(escape, row[:-1]), f"[{color}]{escape(row[-1])}[/]")
    return rich_table
