"""Maps drawn over images, one way for results, commands and the report; arrays in, figures out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY

if TYPE_CHECKING:
    from foveal.plotting.figure_files import save_figure as save_figure
    from foveal.plotting.gate_maps import SiteMap as SiteMap
    from foveal.plotting.gate_maps import draw_gates as draw_gates
    from foveal.plotting.gate_maps import evenly as evenly
    from foveal.plotting.map_comparison import Column as Column
    from foveal.plotting.map_comparison import draw_comparison as draw_comparison
    from foveal.plotting.map_comparison import telling_pair as telling_pair
    from foveal.plotting.overlay import shared_limit as shared_limit
    from foveal.plotting.robustness_curves import Curve as Curve
    from foveal.plotting.robustness_curves import draw_robustness as draw_robustness

__all__ = [
    "Column",
    "Curve",
    "SiteMap",
    "draw_comparison",
    "draw_gates",
    "draw_robustness",
    "evenly",
    "save_figure",
    "shared_limit",
    "telling_pair",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "Column": "map_comparison",
        "Curve": "robustness_curves",
        "SiteMap": "gate_maps",
        "draw_comparison": "map_comparison",
        "draw_gates": "gate_maps",
        "draw_robustness": "robustness_curves",
        "evenly": "gate_maps",
        "save_figure": "figure_files",
        "shared_limit": "overlay",
        "telling_pair": "map_comparison",
    },
    requirement=STUDY,
)
