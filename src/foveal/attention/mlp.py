"""The MLP of channel attention, with one hidden layer."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.kernels import apply_channel_mlp, supports_channel_mlp


def sum_mlp_over_pools(reduce: nn.Linear, expand: nn.Linear, pooled: Tensor) -> Tensor:
    """Return the sum over pools of `expand(relu(reduce(pool)))`: (N, C) for pools (N, P, C).

    It is computed by native kernels if they support it (see `foveal.kernels.use`) and the layers have no hooks.
    """
    if supports_channel_mlp(pooled, reduce, expand):
        return apply_channel_mlp(pooled, reduce, expand)
    outputs: Tensor = expand(reduce(pooled).relu())
    return outputs.sum(1)
