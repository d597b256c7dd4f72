"""Attention modules: one file per module, created by name.

To add a module, write `attention/NAME.py` with a class under `@register("NAME", where=...)`, and import
the class here.
"""

from foveal.attention.bam import BAM
from foveal.attention.cbam import CBAM
from foveal.attention.channel import ChannelAttention
from foveal.attention.contract import check
from foveal.attention.coordinate import CoordinateAttention
from foveal.attention.eca import EfficientChannelAttention
from foveal.attention.gate import Gate
from foveal.attention.map_capture import capture_maps
from foveal.attention.registry import (
    AttentionEntry,
    available,
    create,
    get_entry,
    register,
    register_preset,
    resolve_name,
)
from foveal.attention.scse import ConcurrentSqueezeExcitation
from foveal.attention.se import SqueezeExcitation
from foveal.attention.simam import SimAM
from foveal.attention.spatial import SpatialAttention
from foveal.attention.triplet import TripletAttention
from foveal.attention.variant_spec import VariantSpec, canonicalize_variant, parse_variant

__all__ = [
    "AttentionEntry",
    "BAM",
    "CBAM",
    "ChannelAttention",
    "ConcurrentSqueezeExcitation",
    "CoordinateAttention",
    "EfficientChannelAttention",
    "Gate",
    "SimAM",
    "SpatialAttention",
    "SqueezeExcitation",
    "TripletAttention",
    "VariantSpec",
    "available",
    "canonicalize_variant",
    "capture_maps",
    "check",
    "create",
    "get_entry",
    "parse_variant",
    "register",
    "register_preset",
    "resolve_name",
]
