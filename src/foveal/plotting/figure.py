"""The figure that everything here is drawn on."""

from __future__ import annotations

import io
import textwrap

from matplotlib.figure import Figure

DPI = 150
CHARACTERS_AN_INCH = 17


class Drawing(Figure):
    """A figure that a notebook shows by itself: pyplot, which else sees to that, is not used here.

    pyplot keeps every figure until it is closed, and takes a backend for the whole process.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained", dpi=DPI)

    def write_below(self, text: str) -> None:
        """Write a caption, broken into lines that fit."""
        width = max(40, int(self.get_figwidth() * CHARACTERS_AN_INCH))
        lines = [line for part in text.splitlines() for line in textwrap.wrap(part, width)]
        if lines:
            self.supxlabel("\n".join(lines), fontsize=7, x=0.01, ha="left")

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
