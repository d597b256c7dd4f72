"""What a report is made of: sections of sentences, tables and pictures, before any format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from matplotlib.figure import Figure

from foveal.plotting import report_style, svg_element
from foveal.text_tables import Table as TextTable


@dataclass(frozen=True)
class Text:
    """A paragraph; a quiet one is an explanation."""

    kind: ClassVar = "text"
    text: str
    quiet: bool = True


@dataclass(frozen=True)
class Note:
    """What a reader must not overlook: above all what is missing, and how to get it."""

    kind: ClassVar = "note"
    text: str


@dataclass(frozen=True)
class Table:
    """A table, and the name of its files."""

    kind: ClassVar = "table"
    name: str
    table: TextTable


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, the name of its files, what it shows in words, and a caption.

    `of` says what it is about, `variant`, `seed` or `class`: by these a reader may choose. `width` is the
    share of the page that it should have at most: `whole`, `column` for a plot with few lines.
    """

    kind: ClassVar = "picture"
    name: str
    figure: Figure
    description: str
    caption: str = ""
    of: Mapping[str, str] = field(default_factory=dict)
    width: str = "whole"

    @cached_property
    def svg(self) -> str:
        """The figure as an element of a page; its layout is settled by that, and stays."""
        with report_style():
            drawn = svg_element(self.figure, name=self.name, description=self.description)
        self.figure.set_layout_engine("none")
        return drawn


@dataclass(frozen=True)
class Tiles:
    """Pictures side by side; `size` says how large they need to be: pair, tile, narrow."""

    kind: ClassVar = "tiles"
    pictures: tuple[Picture, ...]
    size: str = "tile"


@dataclass(frozen=True)
class Images:
    """Small images, each with what is written below it; `images` are data URIs."""

    kind: ClassVar = "images"
    images: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Facts:
    """Names and what they are, as of a configuration."""

    kind: ClassVar = "facts"
    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """A command as it was typed."""

    kind: ClassVar = "code"
    text: str


@dataclass(frozen=True)
class Data:
    """Numbers for the script of the page, which draws what a reader chooses; `call` names its function."""

    kind: ClassVar = "data"
    call: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Fold:
    """What is there to be opened."""

    kind: ClassVar = "fold"
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar = "heading"
    text: str


Block = Text | Note | Table | Picture | Tiles | Images | Facts | Code | Data | Fold | Heading


@dataclass(frozen=True)
class Section:
    """A part of the report under its heading; `name` is its address in the page."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def flat(blocks: tuple[Block, ...]) -> list[Block]:
    """Return blocks and those within folds and tiles, in order."""
    found: list[Block] = []
    for block in blocks:
        if isinstance(block, Fold):
            found += flat(block.blocks)
        elif isinstance(block, Tiles):
            found += block.pictures
        else:
            found.append(block)
    return found
