"""An occlusion result in a notebook: a row per model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from foveal.plotting import SCORE_UNITS
from foveal.text_format import ABSENT_VALUE, format_count, format_percent
from foveal.text_tables import Table, render_html


class OcclusionSummary(NamedTuple):
    """Confidence, largest drop and accuracy under occlusion of one model; NaN where it has none."""

    model: str
    confidence: float
    largest_drop: float
    accuracy: float


def render_occlusion_html(
    rows: Sequence[OcclusionSummary],
    *,
    images: int,
    windows: tuple[int, int],
    score: str,
    fills: Sequence[str],
) -> str:
    """Return a table with a row per model as HTML.

    Args:
        rows: the models.
        images: number of images.
        windows: number of windows vertically and horizontally.
        score: score whose drops these are.
        fills: fills of the windows.
    """
    body = tuple(
        (
            row.model,
            format_percent(row.confidence, 1),
            ABSENT_VALUE if math.isnan(row.largest_drop) else f"{row.largest_drop:.3g}",
            format_percent(row.accuracy, 1),
        )
        for row in rows
    )
    table = Table(
        f"Occlusion of {format_count(images, 'image')} by {windows[0]} x {windows[1]} windows",
        ("model", "confidence in %", "largest drop", "accuracy under occlusion in %"),
        body,
        f"Means over the images. Largest drop: {SCORE_UNITS[score]}. "
        f"Fills: {', '.join(fills)}. plot() draws the maps.",
    )
    return render_html(table)
