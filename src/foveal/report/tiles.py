"""Tiles of a page: maps over images, each image contained once and shared by all maps over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from foveal.plotting import shrink_blocks, shrink_for_page, to_data_uri, to_transparent_data_uri
from foveal.report.templating import render_template
from foveal.text_format import replace_unprintable


@dataclass(frozen=True)
class Tile:
    """A picture with a line of text below; `tone` colors the text: ok, no, or empty."""

    svg: Markup
    text: str = ""
    tone: str = ""


@dataclass(frozen=True)
class SharedImages:
    """Images (P, H, W, C) of a page under the ids `PREFIX0`, `PREFIX1`, ...."""

    prefix: str
    images: Any

    def render_definitions(self) -> Markup:
        """Return an invisible element that contains each image once."""
        parts = []
        for index, image in enumerate(self.images):
            width, height = self._get_size(index)
            uri = to_data_uri(shrink_for_page(image))
            parts.append(
                f'<image id="{self.prefix}{index}" href="{uri}" width="{width}" height="{height}" '
                'preserveAspectRatio="none"/>'
            )
        return Markup(  # noqa: S704 - numbers and data URIs only
            f'<svg class="vh" width="0" height="0" aria-hidden="true"><defs>{"".join(parts)}</defs></svg>'
        )

    def _get_size(self, index: int) -> tuple[int, int]:
        """Return width and height of an image."""
        height, width = self.images[index].shape[:2]
        return width, height

    def draw(self, index: int, description: str, overlay: Any = None) -> Markup:
        """Return a tile of one image, in gray below an overlay of colors (h, w, 4) in [0, 1]."""
        width, height = self._get_size(index)
        text = escape(replace_unprintable(description))
        gray = ' class="gy"' if overlay is not None else ""
        inner = f'<use href="#{self.prefix}{index}"{gray}/>'
        if overlay is not None:
            inner = (
                f'<title>{text}</title>{inner}<image href="{to_transparent_data_uri(overlay)}" '
                f'width="{width}" height="{height}" preserveAspectRatio="none"/>'
            )
        return Markup(  # noqa: S704 - the description is escaped
            f'<svg class="tile" viewBox="0 0 {width} {height}" role="img" aria-label="{text}">{inner}</svg>'
        )


def shrink_map(values: Any) -> Any:
    """Return a map (H, W) without repeated pixels, and at most as large as images of a page."""
    return shrink_blocks(np.asarray(shrink_for_page(np.asarray(values, dtype=np.float64))))


def render_tile_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[tuple[Tile, Sequence[Tile]]],
    *,
    is_narrow: bool = False,
) -> Markup:
    """Return a table of tiles: rows are images, the first column is the image itself."""
    return render_template(
        "tile_table.html.j2", title=title, headings=headings, rows=rows, is_narrow=is_narrow
    )
