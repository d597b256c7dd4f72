"""Blocks of a report: headings, sentences, tables and figures, independent of any file format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from matplotlib.figure import Figure

from foveal.plotting import build_svg_element, use_report_style
from foveal.text_tables import Table


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar = "heading"
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; a muted one explains a table or a figure."""

    kind: ClassVar = "paragraph"
    text: str
    is_muted: bool = True


@dataclass(frozen=True)
class Callout:
    """A highlighted sentence: a warning, or missing content and the command that creates it."""

    kind: ClassVar = "callout"
    text: str


@dataclass(frozen=True)
class CodeBlock:
    """A command as the user typed it."""

    kind: ClassVar = "code"
    text: str


@dataclass(frozen=True)
class TableBlock:
    """A table, and the name of its files."""

    kind: ClassVar = "table"
    name: str
    table: Table


@dataclass(frozen=True)
class KeyValueBlock:
    """A list of names with their values, for example of a configuration."""

    kind: ClassVar = "key_values"
    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class FigureBlock:
    """A figure, the name of its files, a description for screen readers, and a caption.

    `filters` has the `variant`, `seed` or `class` of the figure, by which a reader can filter the page.
    `width` is the maximum width in the page: `whole`, or `column` for a plot with few lines.
    """

    kind: ClassVar = "figure"
    name: str
    figure: Figure
    description: str
    caption: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    width: str = "whole"

    @cached_property
    def svg(self) -> str:
        """The figure as an SVG element of a page. Computing it fixes the layout of the figure."""
        with use_report_style():
            svg = build_svg_element(self.figure, name=self.name, description=self.description)
        self.figure.set_layout_engine("none")
        return svg


@dataclass(frozen=True)
class FigureGrid:
    """Figures side by side; `size` sets the width of a figure: `pair`, `tile`, `narrow` or `wide`."""

    kind: ClassVar = "figure_grid"
    figures: tuple[FigureBlock, ...]
    size: str = "tile"


@dataclass(frozen=True)
class ImageGrid:
    """Small images: pairs of a caption and a data URI."""

    kind: ClassVar = "image_grid"
    images: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ScriptData:
    """Numbers for an interactive view that the page's script draws with its function `function`."""

    kind: ClassVar = "script_data"
    function: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Collapsible:
    """Blocks that a reader unfolds by a click on their summary."""

    kind: ClassVar = "collapsible"
    summary: str
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
    | ImageGrid
    | ScriptData
    | Collapsible
)


@dataclass(frozen=True)
class Section:
    """A section of the report: its anchor in the page, its title and its blocks."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def flatten_blocks(blocks: Iterable[Block]) -> list[Block]:
    """Return blocks in order, with collapsibles and figure grids replaced by their content."""
    flat: list[Block] = []
    for block in blocks:
        if isinstance(block, Collapsible):
            flat += flatten_blocks(block.blocks)
        elif isinstance(block, FigureGrid):
            flat += block.figures
        else:
            flat.append(block)
    return flat
