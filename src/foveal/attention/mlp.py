"""The network of one hidden layer that channel attention is made of."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.kernels.bindings import small_dtype
from foveal.kernels.channel_mlp import SummedMLP
from foveal.kernels.dispatch import has_address, may_take_passes


def summed_mlp(reduce: nn.Linear, expand: nn.Linear, pooled: Tensor) -> Tensor:
    """Return the sum over pools of `expand(relu(reduce(pool)))`, (N, C) of pools (N, P, C).

    Where it can be, it is computed by passes of our own (see `native_kernels`). Hooks of the
    layers prevent that.
    """
    if not (may_take_passes(pooled, reduce, expand) and passes_know(reduce, expand, pooled)):
        each: Tensor = expand(reduce(pooled).relu())
        return each.sum(1)
    out: Tensor = SummedMLP.apply(  # type: ignore[no-untyped-call]
        pooled.transpose(0, 1).contiguous(), reduce.weight, reduce.bias, expand.weight, expand.bias
    )
    return out


def passes_know(reduce: nn.Linear, expand: nn.Linear, pooled: Tensor) -> bool:
    """Say whether there are passes for these layers; the rest is torch's, and its errors."""
    if not type(reduce) is type(expand) is nn.Linear:
        return False
    values = (reduce.weight, reduce.bias, expand.weight, expand.bias)
    return (
        pooled.dim() == 3
        and pooled.shape[2] == reduce.in_features == expand.out_features
        and reduce.out_features == expand.in_features
        and pooled.dtype == small_dtype(pooled)
        and all(v.dtype == pooled.dtype and has_address(v, pooled) for v in values if v is not None)
    )
