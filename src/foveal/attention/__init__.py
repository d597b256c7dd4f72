"""Attention modules: each in a file of its own, made by name.

To add one, write `attention/NAME.py` with a class under `@register("NAME", where=...)`, and import it
here.
"""

from foveal.attention.bam import BAM
from foveal.attention.cbam import CBAM
from foveal.attention.channel import ChannelAttention
from foveal.attention.gate import Gate
from foveal.attention.registry import available, create, entry, preset, register
from foveal.attention.spatial import SpatialAttention
from foveal.attention.spec import Spec, parse_spec

__all__ = [
    "BAM",
    "CBAM",
    "ChannelAttention",
    "Gate",
    "SpatialAttention",
    "Spec",
    "available",
    "create",
    "entry",
    "parse_spec",
    "preset",
    "register",
]
