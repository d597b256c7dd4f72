"""Figures: creation without pyplot, encoding as PNG and SVG, files."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from foveal.atomic import atomic_write

_DPI = 150
_CHARACTERS_PER_INCH = 17
_MIN_CAPTION_CHARACTERS = 40


class NotebookFigure(Figure):
    """A figure that renders itself in notebooks without pyplot.

    pyplot keeps every figure until it is closed, and selects one backend for the whole process.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained", dpi=_DPI)

    def add_caption(self, text: str) -> None:
        """Write a caption below the figure, wrapped at its width."""
        width = max(_MIN_CAPTION_CHARACTERS, int(self.get_figwidth() * _CHARACTERS_PER_INCH))
        lines = [line for part in text.splitlines() for line in textwrap.wrap(part, width)]
        if lines:
            self.supxlabel("\n".join(lines), fontsize=7, x=0.01, ha="left")

    def _repr_png_(self) -> bytes:
        """Return the PNG that a notebook shows."""
        return encode_png(self)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` times `height` CSS pixels."""
    return Figure(figsize=(width / 72, height / 72))


def encode_png(figure: Figure) -> bytes:
    """Return the figure as a PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def encode_svg(figure: Figure, *, name: str, transparent: bool = False) -> str:
    """Return the figure as an SVG document, without date and random ids; equal figures give equal text.

    `name` is mixed into the ids, so that two figures in one page have different ids.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=transparent, metadata={"Date": None})
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write `path`.png and `path`.svg, each atomically, and return their paths."""
    contents = {".png": encode_png(figure), ".svg": encode_svg(figure, name=path.name).encode()}
    written = []
    for suffix, content in contents.items():
        target = path.with_name(path.name + suffix)
        with atomic_write(target) as temporary:
            temporary.write_bytes(content)
        written.append(target)
    return written
