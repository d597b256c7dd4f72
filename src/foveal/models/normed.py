"""Batch norm and the ReLU behind it, as the ConvNet calls them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foveal.attention.fast.norms import NormReLU, norm_relu
from foveal.attention.fast.passes import small_dtype
from foveal.attention.fast.switch import takes_fast_path


class ReLU(nn.ReLU):
    """ReLU, which hands on a map that is `rectified` already, for the sake of what hangs on it: a gate."""

    def forward(self, input: Tensor, *, rectified: bool = False) -> Tensor:  # noqa: A002
        """Return what is above zero, and zeros."""
        return input if rectified else super().forward(input)


def normed_relu(norm: nn.BatchNorm2d, relu: ReLU, x: Tensor) -> Tensor:
    """Return `relu(norm(x))`, (N, C, H, W).

    Where it can be, both are computed together by passes of our own (see `fast_gates`), to the same up to
    rounding; the map between them is then never written. In the way are hooks of the norm, and a gradient
    through fixed statistics.
    """
    if not (takes_fast_path(x, norm) and passes_know(norm, x)):
        out: Tensor = relu(norm(x))
        return out
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    if norm.training:
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        out = NormReLU.apply(x, norm.weight, norm.bias, mean, variance, norm.momentum, norm.eps)  # type: ignore[no-untyped-call]
    else:
        out = norm_relu(x, mean, norm.weight * (variance + norm.eps).rsqrt(), norm.bias)
    rectified: Tensor = relu(out, rectified=True)
    return rectified


def passes_know(norm: nn.BatchNorm2d, x: Tensor) -> bool:
    """Say whether there are passes for this norm and this map; the rest is torch's, and its errors."""
    values = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        type(norm) is nn.BatchNorm2d
        and x.shape[1] == norm.num_features
        and x.numel() > x.shape[1]  # one value has no variance
        and x.is_contiguous(memory_format=torch.channels_last)
        and norm.momentum is not None
        and all(value is not None and fits(value, x) for value in values)
        and (norm.training or not torch.is_grad_enabled())  # else the gradient is another one
    )


def fits(value: Tensor, x: Tensor) -> bool:
    """Say whether a pass over a map may read a value a channel: what lies elsewhere has no address here."""
    return value.dtype == small_dtype(x) and value.device == x.device
