"""Tables of text, for Markdown and for notebooks."""

from __future__ import annotations

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
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}<tr>{head}</tr>{body}</table>{note}"
