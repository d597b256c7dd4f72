"""Public names of the kernels package: a switch, a rule, and pairs of `supports_...` and `apply_...`."""

import foveal.kernels


def test_public_names_are_fixed() -> None:
    assert set(foveal.kernels.__all__) == {
        "CBAMConfig",
        "CBAMWeights",
        "apply_bam",
        "apply_batch_norm_relu",
        "apply_channel_attention",
        "apply_channel_mlp",
        "apply_fused_cbam",
        "apply_max_pool",
        "apply_small_batch_norm",
        "apply_small_conv",
        "apply_spatial_attention",
        "native_kernels",
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
    }
    assert all(hasattr(foveal.kernels, name) for name in foveal.kernels.__all__)
