"""Batch norm and the ReLU behind it, as the ConvNet calls them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foveal.kernels.batch_norm_relu import NormReLU, norm_relu, passes_know
from foveal.kernels.dispatch import takes_fast_path


class ReLU(nn.ReLU):
    """ReLU, which hands on a map that is `rectified` already, for the sake of what hangs on it: a gate."""

    def forward(self, input: Tensor, *, rectified: bool = False) -> Tensor:  # noqa: A002
        """Return what is above zero, and zeros."""
        return input if rectified else super().forward(input)


def conv_norm_relu(conv: nn.Conv2d, norm: nn.BatchNorm2d, relu: ReLU, x: Tensor) -> Tensor:
    """Return `relu(norm(conv(x)))`, (N, C, H, W).

    In training a bias of the convolution goes with the mean that the norm takes away. Where the norm is
    computed by passes (see `normed_relu`) it is left out, and its gradient is zero, where it is else the
    rounding of a sum over the map. In the way are hooks of the convolution.
    """
    is_known = norm.training and type(conv) is nn.Conv2d and by_passes(norm, x, conv)
    if not is_known or x.is_contiguous():  # then what comes out is contiguous too
        return normed_relu(norm, relu, conv(x))
    return normed_relu(norm, relu, conv._conv_forward(x, conv.weight, None), added=conv.bias)


def normed_relu(
    norm: nn.BatchNorm2d, relu: ReLU, x: Tensor, *, added: Tensor | None = None
) -> Tensor:
    """Return `relu(norm(x + added))`, (N, C, H, W), with one value added to each channel.

    Where it can be, all is computed together by passes of our own (see `native_kernels`), to the same up to
    rounding; the map between them is then never written. In the way are hooks of the norm, and a gradient
    through fixed statistics.
    """
    if not (by_passes(norm, x) and passes_know(norm, x, added)):
        out: Tensor = relu(norm(x if added is None else x + added[:, None, None]))
        return out
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    if norm.training:
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        out = NormReLU.apply(  # type: ignore[no-untyped-call]
            x, added, norm.weight, norm.bias, mean, variance, norm.momentum, norm.eps
        )
    else:
        mean = mean if added is None else mean - added
        out = norm_relu(x, mean, norm.weight * (variance + norm.eps).rsqrt(), norm.bias)
    rectified: Tensor = relu(out, rectified=True)
    return rectified


def by_passes(norm: nn.BatchNorm2d, x: Tensor, *modules: nn.Module) -> bool:
    """Say whether a map may be normed by passes, and `modules` before that be left uncalled."""
    return (
        type(norm) is nn.BatchNorm2d
        and takes_fast_path(x, norm, *modules)
        and x.is_contiguous(memory_format=torch.channels_last)
        and (norm.training or not torch.is_grad_enabled())  # else the gradient is another one
    )
