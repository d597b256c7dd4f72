"""A figure as the files that people use: PNG to look at, SVG to print."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from foveal.atomic import atomic_write


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write `path`.png and `path`.svg, each whole or not at all, and return their paths.

    The SVG is the same whenever the figure is: it holds neither the date nor random names.
    """
    written = []
    with matplotlib.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):
        for suffix, metadata in ((".png", {}), (".svg", {"Date": None})):
            target = path.with_name(path.name + suffix)
            with atomic_write(target) as aside:
                figure.savefig(aside, format=suffix[1:], metadata=metadata)
            written.append(target)
    return written
