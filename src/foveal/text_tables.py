"""Tables of text, rendered as Markdown, HTML, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_THOUSANDS_SEPARATOR: Final = re.compile(r"(?<=\d),(?=\d{3})")
# An underscore inside a word is not markup.
_MARKDOWN_MARKUP: Final = re.compile(r"[\\`*\[\]|]|(?<!\w)_|_(?!\w)")
_LATEX_CHARACTERS: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{NON-BREAKING HYPHEN}": "-",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}


@dataclass(frozen=True)
class Table:
    """A table of text cells with a title, one heading per column and a note below.

    The first column and those in `text_headings` contain text, all others numbers. A cell may have a second
    line; formats with single-line cells show it in brackets.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    text_headings: tuple[str, ...] = ()

    @property
    def is_text(self) -> tuple[bool, ...]:
        """True for each column that contains text."""
        return tuple(
            index == 0 or heading in self.text_headings
            for index, heading in enumerate(self.headings)
        )


def _join_cell_lines(cell: str) -> str:
    r"""Return a cell in one line, with its second line in brackets.

    >>> _join_cell_lines("1,010"), _join_cell_lines("1,010\n+1.0 %"), _join_cell_lines("-1.2\n[-2, 0]")
    ('1,010', '1,010 (+1.0 %)', '-1.2 [-2, 0]')
    """
    first, _, second = cell.partition("\n")
    if second and not second.startswith("["):
        second = f"({second})"
    return f"{first} {second}".rstrip()


def _list_single_line_rows(table: Table) -> list[list[str]]:
    """Return the headings and the rows, each cell in one line."""
    return [[_join_cell_lines(cell) for cell in cells] for cells in (table.headings, *table.rows)]


def render_markdown(table: Table) -> str:
    """Return a table as Markdown, with its title above and its note below."""
    headings, *rows = _list_single_line_rows(table)
    alignments = [":--" if is_text else "--:" for is_text in table.is_text]
    lines = [f"**{escape_markdown(table.title)}**", ""]
    for cells in (headings, alignments, *rows):
        lines.append("| " + " | ".join(map(escape_markdown, cells)) + " |")
    return "\n".join([*lines, *(["", escape_markdown(table.note)] if table.note else [])])


def escape_markdown(text: str) -> str:
    r"""Return text without Markdown markup and without separators of table cells.

    >>> print(escape_markdown("a|<b> & *c* _d_ e_f"))
    a\|&lt;b&gt; &amp; \*c\* \_d\_ e_f
    """
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return _MARKDOWN_MARKUP.sub(r"\\\g<0>", text)


def render_csv(table: Table) -> str:
    """Return headings and rows as comma-separated values, without title and note.

    A second line of a cell gets a column of its own. Numbers have a hyphen as minus sign and no thousands
    separators. An apostrophe precedes text that a spreadsheet would read as a formula.
    """
    columns: list[list[str]] = []
    for index, heading in enumerate(table.headings):
        cells = [row[index] for row in table.rows]
        lines = [cell.partition("\n") for cell in cells]
        columns.append([heading, *(first for first, _, _ in lines)])
        if any(second for _, _, second in lines):
            columns.append([f"{heading}, below", *(second for _, _, second in lines)])
    buffer = io.StringIO()
    rows = zip(*(map(_to_csv_value, column) for column in columns), strict=True)
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _to_csv_value(cell: str) -> str:
    """Return a cell in the form that spreadsheets read.

    >>> _to_csv_value("2,202,122"), _to_csv_value("\N{MINUS SIGN}1.2"), _to_csv_value("=1+1")
    ('2202122', '-1.2', "'=1+1")
    """
    cell = _THOUSANDS_SEPARATOR.sub("", cell.replace("\N{MINUS SIGN}", "-"))
    return f"'{cell}" if cell[:1] in ("=", "@") else cell


def render_latex(table: Table) -> str:
    r"""Return a table as LaTeX with the rules of the package booktabs.

    >>> print(render_latex(Table("Result", ("variant", "%"), (("none", "84.2"),))))
    \begin{table}
      \centering
      \caption{Result}
      \begin{tabular}{lr}
        \toprule
        variant & \% \\
        \midrule
        none & 84.2 \\
        \bottomrule
      \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    # LaTeX would read a bracket at the start of a row as an argument of the previous line break.
    headings, *rows = (
        "{}" * (cells[0][:1] in ("[", "*")) + " & ".join(map(_escape_latex, cells)) + r" \\"
        for cells in _list_single_line_rows(table)
    )
    columns = "".join("l" if is_text else "r" for is_text in table.is_text)
    caption = f"{table.title}. {table.note}" if table.note else table.title
    lines = [r"\toprule", headings, r"\midrule", *rows, r"\bottomrule"]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{_escape_latex(caption)}}}",
            f"  \\begin{{tabular}}{{{columns}}}",
            *(f"    {line}" for line in lines),
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _escape_latex(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return "".join(_LATEX_CHARACTERS.get(character, character) for character in text)


def render_html(table: Table) -> str:
    """Return a table as HTML with all text escaped."""
    rows = "".join(_render_html_row("td", row, table.is_text) for row in table.rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}{_render_html_row('th', table.headings, table.is_text)}{rows}</table>{note}"


def _render_html_row(tag: str, cells: Sequence[str], is_text: Sequence[bool]) -> str:
    """Return a table row with text aligned left and numbers aligned right.

    The alignment is an inline style, because the style sheets of notebooks align all cells to one side.

    >>> _render_html_row("td", ("a", "1"), (True, False))
    '<tr><td style="text-align: left">a</td><td style="text-align: right">1</td></tr>'
    """
    alignments = ["left" if column_is_text else "right" for column_is_text in is_text]
    return (
        "<tr>"
        + "".join(
            f'<{tag} style="text-align: {alignment}">{escape(_join_cell_lines(cell))}</{tag}>'
            for alignment, cell in zip(alignments, cells, strict=True)
        )
        + "</tr>"
    )
