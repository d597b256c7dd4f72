"""Maps drawn over images, one way for results, commands and the report; arrays in, figures out."""

from foveal.drawing.comparison import Column, draw_comparison, telling_pair
from foveal.drawing.files import save_figure
from foveal.drawing.gates import SiteMap, draw_gates, evenly
from foveal.drawing.overlay import shared_limit
from foveal.drawing.robustness import Curve, draw_robustness

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
