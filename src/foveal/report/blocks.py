"""Blocks of a report: headings, sentences, tables, figures and folds, independent of any file format.

Text may contain `code` in backticks and **bold** words, see `foveal.report.inline_text`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from foveal.analysis import Answer
from foveal.text_tables import Table


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar = "heading"
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; a muted one is a caption."""

    kind: ClassVar = "paragraph"
    text: str
    is_muted: bool = False


@dataclass(frozen=True)
class Callout:
    """A highlighted sentence: a warning, or missing content and the command that creates it."""

    kind: ClassVar = "callout"
    text: str


@dataclass(frozen=True)
class CodeBlock:
    """A command to copy."""

    kind: ClassVar = "code"
    text: str


@dataclass(frozen=True)
class TableBlock:
    """A table, and the name of its files. A table with `is_in_page=False` is too large for the page."""

    kind: ClassVar = "table"
    name: str
    table: Table
    is_in_page: bool = True
    is_sortable: bool = True


@dataclass(frozen=True)
class KeyValueBlock:
    """A list of names with their values, for example of a configuration."""

    kind: ClassVar = "key_values"
    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FigureBlock:
    """A figure as an SVG element that `foveal.plotting.SvgCanvas` has rendered, and the name of its file.

    `description` is the text for screen readers, which the element contains as well.
    """

    kind: ClassVar = "figure"
    name: str
    svg: Markup
    description: str
    caption: str = ""


@dataclass(frozen=True)
class FigureGrid:
    """Figures side by side. `columns` is the number in a row of a wide screen: two, three, four, five or six.

    With `is_stacked_on_phones` a phone shows one below the other instead of two in a row.
    """

    kind: ClassVar = "figure_grid"
    figures: tuple[FigureBlock, ...]
    columns: int
    is_stacked_on_phones: bool = False


@dataclass(frozen=True)
class HtmlBlock:
    """A part that only the page shows in this form: pictures, or a table with figures in its cells.

    `table` contains its numbers for Markdown, CSV and LaTeX, if it has any, and `name` names its files.
    """

    kind: ClassVar = "html"
    html: Markup
    name: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class AnswerBlock:
    """The answer of one cell, the titles of the checks that ask for care, and the anchor of the checklist."""

    kind: ClassVar = "answer"
    answer: Answer
    careful: tuple[str, ...] = ()
    anchor: str = ""


@dataclass(frozen=True)
class ListBlock:
    """Sentences, each about a variant: pairs of the style index of its marker and the text."""

    kind: ClassVar = "list"
    items: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Checklist:
    """Checks of a comparison: triples of True for fine, a title and a sentence."""

    kind: ClassVar = "checklist"
    checks: tuple[tuple[bool, str, str], ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Titles of the checks that are not fine, as parts of a sentence."""
        return tuple(
            title[:1].lower() + title[1:].rstrip(".")
            for is_fine, title, _ in self.checks
            if not is_fine
        )


@dataclass(frozen=True)
class Columns:
    """Two groups of blocks side by side on a wide screen."""

    kind: ClassVar = "columns"
    left: tuple[Block, ...]
    right: tuple[Block, ...]


@dataclass(frozen=True)
class Fold:
    """Blocks that a reader unfolds by a click on their summary; `hint` says what is inside."""

    kind: ClassVar = "fold"
    summary: str
    hint: str
    blocks: tuple[Block, ...]


Block = (
    Heading
    | Paragraph
    | Callout
    | CodeBlock
    | TableBlock
    | KeyValueBlock
    | FigureBlock
    | FigureGrid
    | HtmlBlock
    | AnswerBlock
    | ListBlock
    | Checklist
    | Columns
    | Fold
)


@dataclass(frozen=True)
class Section:
    """A section of the report: its anchor in the page, its title and its blocks."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def flatten_blocks(blocks: Iterable[Block]) -> list[Block]:
    """Return blocks in order, with folds, columns and figure grids replaced by their content."""
    flat: list[Block] = []
    for block in blocks:
        match block:
            case Fold(blocks=inner):
                flat += flatten_blocks(inner)
            case Columns(left=left, right=right):
                flat += flatten_blocks((*left, *right))
            case FigureGrid(figures=figures):
                flat += figures
            case _:
                flat.append(block)
    return flat
