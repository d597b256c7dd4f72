"""Tables of text, for Markdown and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading each; a note stands below. The first column is words, others numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def markdown_table(table: Table) -> str:
    """Return a table in Markdown, its title above it and its note below."""
    sides = [":--", *["--:"] * (len(table.headings) - 1)]
    lines = [f"**{table.title}**", ""]
    for cells in (table.headings, sides, *table.rows):
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join([*lines, *(["", table.note] if table.note else [])])


def html_table(table: Table) -> str:
    """Return a table in HTML; all text is escaped."""
    rows = "".join(html_row("td", row) for row in table.rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}{html_row('th', table.headings)}{rows}</table>{note}"


def html_row(tag: str, cells: Sequence[str]) -> str:
    """Return a row of cells, words to the left and numbers to the right.

    Each cell says so itself: the styles of notebooks and themes of sites align all cells to one side.

    >>> html_row("td", ("a", "1"))
    '<tr><td style="text-align: left">a</td><td style="text-align: right">1</td></tr>'
    """
    sides = ["left", *["right"] * (len(cells) - 1)]
    return (
        "<tr>"
        + "".join(
            f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        + "</tr>"
    )
