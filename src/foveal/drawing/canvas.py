"""The figure that everything here is drawn on."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

DPI = 150


class Drawing(Figure):
    """A figure that a notebook shows by itself: pyplot, which else sees to that, is not used here.

    pyplot keeps every figure until it is closed, and takes a backend for the whole process.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained", dpi=DPI)

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
