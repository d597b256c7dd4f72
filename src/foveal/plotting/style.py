"""Colors, markers and matplotlib settings that all figures share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib

TEXT_COLOR: Final = "#1b1f24"
MUTED_COLOR: Final = "#57606b"
GRID_COLOR: Final = "#dde1e6"
# Hues of Okabe and Ito, darkened to a contrast of at least 4.5 on white; from the fifth variant on they
# repeat with other markers. `palette.css` of the report has the same.
VARIANT_COLORS: Final = ("#0072b2", "#c05000", "#00805c", "#a8447a")
_VARIANT_MARKERS: Final = "osD^vPX"

_TEXT_STYLE: Final[dict[Any, Any]] = {"svg.fonttype": "none", "text.parse_math": False}

# Settings of small panels with maps or curves, on top of the settings that are active.
PANEL_STYLE: Final[dict[Any, Any]] = _TEXT_STYLE | {"font.size": 8}

_REPORT_STYLE: Final[dict[Any, Any]] = _TEXT_STYLE | {
    "axes.unicode_minus": True,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": MUTED_COLOR,
    "axes.labelcolor": MUTED_COLOR,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID_COLOR,
    "grid.linewidth": 0.8,
    "text.color": TEXT_COLOR,
    "xtick.color": MUTED_COLOR,
    "ytick.color": MUTED_COLOR,
    "xtick.labelcolor": TEXT_COLOR,
    "ytick.labelcolor": TEXT_COLOR,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.constrained_layout.use": True,
}


def get_variant_style(index: int) -> dict[str, Any]:
    """Return color and marker of the variant with this index; index 0, the baseline, has the text color.

    >>> get_variant_style(0), get_variant_style(1)
    ({'color': '#1b1f24', 'marker': 'o'}, {'color': '#0072b2', 'marker': 's'})
    """
    color = TEXT_COLOR if index == 0 else VARIANT_COLORS[(index - 1) % len(VARIANT_COLORS)]
    return {"color": color, "marker": _VARIANT_MARKERS[index % len(_VARIANT_MARKERS)]}


@contextmanager
def use_report_style() -> Iterator[None]:
    """Draw with the settings of the report, independent of the user's matplotlib settings.

    Warnings about glyphs that matplotlib's font lacks are ignored: the SVG viewer draws the text with
    its system fonts, and class names may be in any script.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_REPORT_STYLE)
        yield
