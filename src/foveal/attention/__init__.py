"""Attention modules: each in a file of its own, made by name.

To add one, write `attention/NAME.py` with a class under `@register("NAME", where=...)`, and import it
here.
"""

from foveal.attention.bam import BAM
from foveal.attention.cbam import CBAM
from foveal.attention.channel import ChannelAttention
from foveal.attention.coordinate import CoordinateAttention
from foveal.attention.eca import EfficientChannelAttention
from foveal.attention.gate import Gate
from foveal.attention.map_capture import captured_maps
from foveal.attention.registry import available, create, entry, preset, register
from foveal.attention.scse import ConcurrentSqueezeExcitation
from foveal.attention.se import SqueezeExcitation
from foveal.attention.simam import SimAM
from foveal.attention.spatial import SpatialAttention
from foveal.attention.triplet import TripletAttention
from foveal.attention.variant_spec import Spec, parse_spec

__all__ = [
    "BAM",
    "CBAM",
    "ChannelAttention",
    "ConcurrentSqueezeExcitation",
    "CoordinateAttention",
    "EfficientChannelAttention",
    "Gate",
    "SimAM",
    "SpatialAttention",
    "Spec",
    "SqueezeExcitation",
    "TripletAttention",
    "available",
    "captured_maps",
    "create",
    "entry",
    "parse_spec",
    "preset",
    "register",
]
