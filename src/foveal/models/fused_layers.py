"""Layers of the ConvNet that native kernels compute together or with less memory."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.kernels import (
    apply_batch_norm_relu,
    apply_max_pool,
    supports_batch_norm_relu,
    supports_conv_batch_norm_relu,
    supports_max_pool,
)


class ReLU(nn.ReLU):
    """ReLU that returns an already rectified input unchanged, so that hooks on it (a gate) still run."""

    def forward(self, input: Tensor, *, is_rectified: bool = False) -> Tensor:  # noqa: A002
        """Return max(input, 0)."""
        return input if is_rectified else super().forward(input)


class MaxPool2x2(nn.MaxPool2d):
    """Max pooling of 2x2 windows.

    It is computed by native kernels if they support the map (see `foveal.kernels.use`), with the same values
    and gradients bit for bit. For the backward pass they save one byte per window instead of the map and an
    8-byte index per window, so the output of a gate before the pooling is not saved.

    Shape: (N, C, H, W) to (N, C, H // 2, W // 2).
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # PyTorch's name
        """Return the maximum of each window."""
        if supports_max_pool(input):
            return apply_max_pool(input)
        out: Tensor = super().forward(input)
        return out


def run_conv_batch_norm_relu(
    conv: nn.Conv2d, norm: nn.BatchNorm2d, relu: ReLU, x: Tensor
) -> Tensor:
    """Return `relu(norm(conv(x)))`, (N, C, H, W).

    In training, batch norm cancels the convolution's bias. If native kernels compute the norm and the
    convolution has no hooks, the bias is left out and its gradient is zero; otherwise the gradient is the
    rounding error of a sum over the map.
    """
    if not supports_conv_batch_norm_relu(conv, norm, x):
        return run_batch_norm_relu(norm, relu, conv(x))
    return run_batch_norm_relu(
        norm, relu, conv._conv_forward(x, conv.weight, None), offset=conv.bias
    )


def run_batch_norm_relu(
    norm: nn.BatchNorm2d, relu: ReLU, x: Tensor, *, offset: Tensor | None = None
) -> Tensor:
    """Return `relu(norm(x + offset))`, (N, C, H, W), with one value of `offset` per channel.

    Native kernels compute everything together if they support it (see `foveal.kernels.use`): the same up to
    rounding, and the map between norm and ReLU is never written. They do not if the norm has hooks, or if a
    gradient through fixed statistics is needed.
    """
    if supports_batch_norm_relu(norm, x, offset=offset):
        out: Tensor = relu(apply_batch_norm_relu(norm, x, offset=offset), is_rectified=True)
    else:
        out = relu(norm(x if offset is None else x + offset[:, None, None]))
    return out
