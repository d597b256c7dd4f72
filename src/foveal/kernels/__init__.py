"""Native CPU kernels for attention modules and for the layers of the ConvNet; see README.md beside this file.

Each kernel has a rule `supports_...` and a function `apply_...`. Callers ask the rule and use plain
operations if it returns False.
"""

from foveal.kernels.batch_norm_relu import (
    apply_batch_norm_relu,
    supports_batch_norm_relu,
    supports_conv_batch_norm_relu,
)
from foveal.kernels.build import describe_library, unavailable_reason
from foveal.kernels.channel_mlp import apply_channel_mlp, supports_channel_mlp
from foveal.kernels.choice import (
    PARTS,
    get_default_kernels,
    join_parts,
    parse_parts,
    read_environment,
    use,
)
from foveal.kernels.dispatch import is_being_traced, supports
from foveal.kernels.fused_cbam import (
    CBAMConfig,
    CBAMWeights,
    apply_fused_cbam,
    supports_fused_cbam,
)
from foveal.kernels.gate_ops import (
    apply_bam,
    apply_channel_attention,
    apply_spatial_attention,
    supports_bam,
    supports_pools,
)
from foveal.kernels.instruction_set import describe_instruction_set, get_instruction_set
from foveal.kernels.max_pool import apply_max_pool, supports_max_pool
from foveal.kernels.small_batch_norm import apply_small_batch_norm, supports_small_batch_norm
from foveal.kernels.small_conv import apply_small_conv, supports_small_conv

__all__ = [
    "CBAMConfig",
    "CBAMWeights",
    "PARTS",
    "apply_bam",
    "apply_batch_norm_relu",
    "apply_channel_attention",
    "apply_channel_mlp",
    "apply_fused_cbam",
    "apply_max_pool",
    "apply_small_batch_norm",
    "apply_small_conv",
    "apply_spatial_attention",
    "describe_instruction_set",
    "describe_library",
    "get_default_kernels",
    "get_instruction_set",
    "is_being_traced",
    "join_parts",
    "parse_parts",
    "read_environment",
    "supports",
    "supports_bam",
    "supports_batch_norm_relu",
    "supports_channel_mlp",
    "supports_conv_batch_norm_relu",
    "supports_fused_cbam",
    "supports_max_pool",
    "supports_pools",
    "supports_small_batch_norm",
    "supports_small_conv",
    "unavailable_reason",
    "use",
]
