"""Convolution of few channels, as used in attention modules."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.kernels import apply_small_conv, supports_small_conv


class SmallConv2d(nn.Conv2d):
    """A convolution with an odd kernel that keeps height and width, fast with few channels as well.

    It is computed by native kernels if they support it (see `foveal.kernels.use`). These compute in float32 for
    bfloat16, and the output has the dtype of the weights.

    Shape: (N, in_channels, H, W) to (N, out_channels, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        padding = kernel_size // 2 * dilation
        super().__init__(
            in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # PyTorch's name
        """Return the convolved map."""
        if not supports_small_conv(input, self.weight, self.bias):
            return super().forward(input)
        return apply_small_conv(input, self.weight, self.bias, self.dilation[0])
