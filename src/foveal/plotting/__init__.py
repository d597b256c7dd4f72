"""Figures and pictures from arrays: maps over images, gates, robustness curves; PNG, SVG and data URIs.

The names are imported on first use, so that captions are available without matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY_EXTRA

if TYPE_CHECKING:
    from foveal.plotting.captions import CLASS_MAP_CAPTION as CLASS_MAP_CAPTION
    from foveal.plotting.captions import GATE_CAPTION as GATE_CAPTION
    from foveal.plotting.captions import SCORE_UNITS as SCORE_UNITS
    from foveal.plotting.captions import format_color_caption as format_color_caption
    from foveal.plotting.captions import format_occlusion_caption as format_occlusion_caption
    from foveal.plotting.captions import format_panel_titles as format_panel_titles
    from foveal.plotting.captions import format_robustness_caption as format_robustness_caption
    from foveal.plotting.captions import format_seeds as format_seeds
    from foveal.plotting.comparison_figure import MapColumn as MapColumn
    from foveal.plotting.comparison_figure import draw_map_comparison as draw_map_comparison
    from foveal.plotting.comparison_figure import find_difference_pair as find_difference_pair
    from foveal.plotting.figure import encode_png as encode_png
    from foveal.plotting.figure import new_figure as new_figure
    from foveal.plotting.figure import save_figure as save_figure
    from foveal.plotting.gate_figure import SiteMaps as SiteMaps
    from foveal.plotting.gate_figure import draw_gate_maps as draw_gate_maps
    from foveal.plotting.gate_figure import pick_evenly_spaced as pick_evenly_spaced
    from foveal.plotting.images import make_thumbnail as make_thumbnail
    from foveal.plotting.images import shrink_blocks as shrink_blocks
    from foveal.plotting.images import shrink_for_page as shrink_for_page
    from foveal.plotting.images import to_data_uri as to_data_uri
    from foveal.plotting.images import to_transparent_data_uri as to_transparent_data_uri
    from foveal.plotting.overlay import blend_gate_map as blend_gate_map
    from foveal.plotting.overlay import blend_signed_map as blend_signed_map
    from foveal.plotting.overlay import color_gate_map as color_gate_map
    from foveal.plotting.overlay import color_signed_map as color_signed_map
    from foveal.plotting.overlay import compute_color_limit as compute_color_limit
    from foveal.plotting.overlay import compute_value_range as compute_value_range
    from foveal.plotting.overlay import is_flat as is_flat
    from foveal.plotting.overlay import make_color_scale_uris as make_color_scale_uris
    from foveal.plotting.page_svg import build_svg_element as build_svg_element
    from foveal.plotting.robustness_figure import AccuracyCurve as AccuracyCurve
    from foveal.plotting.robustness_figure import draw_robustness_curves as draw_robustness_curves
    from foveal.plotting.style import GRID_COLOR as GRID_COLOR
    from foveal.plotting.style import MUTED_COLOR as MUTED_COLOR
    from foveal.plotting.style import TEXT_COLOR as TEXT_COLOR
    from foveal.plotting.style import VARIANT_COLORS as VARIANT_COLORS
    from foveal.plotting.style import get_variant_style as get_variant_style
    from foveal.plotting.style import use_report_style as use_report_style
    from foveal.plotting.svg_canvas import SvgCanvas as SvgCanvas
    from foveal.plotting.svg_canvas import choose_ticks as choose_ticks
    from foveal.plotting.svg_canvas import draw_marker as draw_marker
    from foveal.plotting.svg_canvas import format_tick as format_tick
    from foveal.plotting.svg_canvas import get_hue as get_hue
    from foveal.plotting.svg_canvas import locate_on_axis as locate_on_axis
    from foveal.plotting.svg_canvas import render_key as render_key

__all__ = [
    "to_transparent_data_uri",
    "shrink_blocks",
    "color_signed_map",
    "color_gate_map",
    "render_key",
    "locate_on_axis",
    "get_hue",
    "format_tick",
    "draw_marker",
    "choose_ticks",
    "SvgCanvas",
    "AccuracyCurve",
    "CLASS_MAP_CAPTION",
    "GATE_CAPTION",
    "GRID_COLOR",
    "MUTED_COLOR",
    "MapColumn",
    "SCORE_UNITS",
    "SiteMaps",
    "TEXT_COLOR",
    "VARIANT_COLORS",
    "blend_gate_map",
    "blend_signed_map",
    "build_svg_element",
    "compute_color_limit",
    "compute_value_range",
    "draw_gate_maps",
    "draw_map_comparison",
    "draw_robustness_curves",
    "encode_png",
    "find_difference_pair",
    "format_color_caption",
    "format_occlusion_caption",
    "format_panel_titles",
    "format_robustness_caption",
    "format_seeds",
    "is_flat",
    "make_color_scale_uris",
    "make_thumbnail",
    "new_figure",
    "pick_evenly_spaced",
    "use_report_style",
    "save_figure",
    "shrink_for_page",
    "to_data_uri",
    "get_variant_style",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "to_transparent_data_uri": "images",
        "shrink_blocks": "images",
        "color_signed_map": "overlay",
        "color_gate_map": "overlay",
        "render_key": "svg_canvas",
        "locate_on_axis": "svg_canvas",
        "get_hue": "svg_canvas",
        "format_tick": "svg_canvas",
        "draw_marker": "svg_canvas",
        "choose_ticks": "svg_canvas",
        "SvgCanvas": "svg_canvas",
        "AccuracyCurve": "robustness_figure",
        "CLASS_MAP_CAPTION": "captions",
        "GATE_CAPTION": "captions",
        "GRID_COLOR": "style",
        "MUTED_COLOR": "style",
        "MapColumn": "comparison_figure",
        "SCORE_UNITS": "captions",
        "SiteMaps": "gate_figure",
        "TEXT_COLOR": "style",
        "VARIANT_COLORS": "style",
        "blend_gate_map": "overlay",
        "blend_signed_map": "overlay",
        "build_svg_element": "page_svg",
        "compute_color_limit": "overlay",
        "compute_value_range": "overlay",
        "draw_gate_maps": "gate_figure",
        "draw_map_comparison": "comparison_figure",
        "draw_robustness_curves": "robustness_figure",
        "encode_png": "figure",
        "find_difference_pair": "comparison_figure",
        "format_color_caption": "captions",
        "format_occlusion_caption": "captions",
        "format_panel_titles": "captions",
        "format_robustness_caption": "captions",
        "format_seeds": "captions",
        "is_flat": "overlay",
        "make_color_scale_uris": "overlay",
        "make_thumbnail": "images",
        "new_figure": "figure",
        "pick_evenly_spaced": "gate_figure",
        "use_report_style": "style",
        "save_figure": "figure",
        "shrink_for_page": "images",
        "to_data_uri": "images",
        "get_variant_style": "style",
    },
    requirement=STUDY_EXTRA,
)
