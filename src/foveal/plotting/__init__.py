"""Maps drawn over images, one way for results, commands and the report; arrays in, figures out."""

from foveal.plotting.figure_files import save_figure
from foveal.plotting.gate_maps import SiteMap, draw_gates, evenly
from foveal.plotting.map_comparison import Column, draw_comparison, telling_pair
from foveal.plotting.overlay import shared_limit
from foveal.plotting.robustness_curves import Curve, draw_robustness

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
