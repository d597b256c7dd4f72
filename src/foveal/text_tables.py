"""Tables of text, for Markdown, notebooks, spreadsheets and papers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

SEPARATORS: Final = re.compile(r"(?<=\d),(?=\d{3})")
# An underscore within a word is none.
MARKS: Final = re.compile(r"[\\`*\[\]|]|(?<!\w)_|_(?!\w)")
LATEX: Final = {
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
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading each; a note stands below. The first column is words, others numbers.

    A cell may have a second line, which stands in brackets where there is one line only. `words` are the
    headings of further columns that hold words.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: tuple[str, ...] = ()

    @property
    def is_words(self) -> tuple[bool, ...]:
        """Which columns hold words."""
        return tuple(
            place == 0 or heading in self.words for place, heading in enumerate(self.headings)
        )


def in_one_line(cell: str) -> str:
    r"""Put the second line of a cell into brackets.

    >>> in_one_line("1,010"), in_one_line("1,010\n+1.0 %"), in_one_line("-1.2\n[-2, 0]")
    ('1,010', '1,010 (+1.0 %)', '-1.2 [-2, 0]')
    """
    first, _, second = cell.partition("\n")
    if second and not second.startswith("["):
        second = f"({second})"
    return f"{first} {second}".rstrip()


def lines_of(table: Table) -> list[list[str]]:
    """Return the headings and the rows with each cell in one line."""
    return [[in_one_line(cell) for cell in cells] for cells in (table.headings, *table.rows)]


def render_markdown(table: Table) -> str:
    """Return a table in Markdown, its title above it and its note below."""
    headings, *rows = lines_of(table)
    sides = [":--" if words else "--:" for words in table.is_words]
    lines = [f"**{in_markdown(table.title)}**", ""]
    for cells in (headings, sides, *rows):
        lines.append("| " + " | ".join(map(in_markdown, cells)) + " |")
    return "\n".join([*lines, *(["", in_markdown(table.note)] if table.note else [])])


def in_markdown(text: str) -> str:
    r"""Return text of which nothing is markup, nor ends the cell of a table.

    >>> print(in_markdown("a|<b> & *c* _d_ e_f"))
    a\|&lt;b&gt; &amp; \*c\* \_d\_ e_f
    """
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, instead)
    return MARKS.sub(r"\\\g<0>", text)


def render_csv(table: Table) -> str:
    """Return headings and rows as comma-separated values; title and note are left out.

    What is a second line elsewhere has a column of its own. Numbers have the minus of a keyboard and no
    separators; what would be taken for a formula by a spreadsheet begins with an apostrophe.
    """
    columns: list[list[str]] = []
    for place, heading in enumerate(table.headings):
        cells = [row[place] for row in table.rows]
        lines = [cell.partition("\n") for cell in cells]
        columns.append([heading, *(first for first, _, _ in lines)])
        if any(second for _, _, second in lines):
            columns.append([f"{heading}, below", *(second for _, _, second in lines)])
    buffer = io.StringIO()
    rows = zip(*(map(as_value, column) for column in columns), strict=True)
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def as_value(cell: str) -> str:
    """Return a cell as a spreadsheet takes it.

    >>> as_value("2,202,122"), as_value("\N{MINUS SIGN}1.2"), as_value("=1+1")
    ('2202122', '-1.2', "'=1+1")
    """
    cell = SEPARATORS.sub("", cell.replace("\N{MINUS SIGN}", "-"))
    return f"'{cell}" if cell[:1] in ("=", "@") else cell


def render_latex(table: Table) -> str:
    r"""Return a table for LaTeX with the rules of the package booktabs.

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
    # A bracket that begins a row would be taken by the end of the one before.
    headings, *rows = (
        "{}" * (cells[0][:1] in ("[", "*")) + " & ".join(map(latex, cells)) + r" \\"
        for cells in lines_of(table)
    )
    columns = "".join("l" if words else "r" for words in table.is_words)
    caption = f"{table.title}. {table.note}" if table.note else table.title
    inside = [r"\toprule", headings, r"\midrule", *rows, r"\bottomrule"]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex(caption)}}}",
            f"  \\begin{{tabular}}{{{columns}}}",
            *(f"    {line}" for line in inside),
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def latex(text: str) -> str:
    """Return text with LaTeX's own signs as letters."""
    return "".join(LATEX.get(sign, sign) for sign in text)


def html_table(table: Table) -> str:
    """Return a table in HTML; all text is escaped."""
    rows = "".join(html_row("td", row, table.is_words) for row in table.rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}{html_row('th', table.headings, table.is_words)}{rows}</table>{note}"


def html_row(tag: str, cells: Sequence[str], is_words: Sequence[bool]) -> str:
    """Return a row of cells, words to the left and numbers to the right.

    Each cell says so itself: the styles of notebooks and themes of sites align all cells to one side.

    >>> html_row("td", ("a", "1"), (True, False))
    '<tr><td style="text-align: left">a</td><td style="text-align: right">1</td></tr>'
    """
    sides = ["left" if words else "right" for words in is_words]
    return (
        "<tr>"
        + "".join(
            f'<{tag} style="text-align: {side}">{escape(in_one_line(cell))}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        + "</tr>"
    )
