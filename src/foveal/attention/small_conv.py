"""The convolution of few planes, which gates are made of."""

from __future__ import annotations

from torch import Tensor, nn

from foveal.kernels.bindings import small_dtype
from foveal.kernels.dispatch import has_address, may_take_passes
from foveal.kernels.small_conv import Convolve

FEW = 64  # pairs of an input and an output plane; with more of them a library is as fast


class PlaneConv2d(nn.Conv2d):
    """A convolution with an odd kernel that keeps height and width, fast also from two planes to one.

    Where it can be, it is computed by passes of our own (see `native_kernels`): in float32 for bfloat16, and
    what comes out has the dtype of the weights.

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
        reach = kernel_size // 2 * dilation
        super().__init__(
            in_channels, out_channels, kernel_size, padding=reach, dilation=dilation, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name torch gives it
        """Return the planes convolved."""
        few = self.in_channels * self.out_channels <= FEW
        fits = input.dim() == 4 and input.shape[1] == self.in_channels
        if not (few and fits and may_take_passes(input) and self.is_readable_beside(input)):
            return super().forward(input)
        dtype = small_dtype(input)
        bias = None if self.bias is None else self.bias.to(dtype)
        out: Tensor = Convolve.apply(  # type: ignore[no-untyped-call]
            input.to(dtype), self.weight.to(dtype), bias, self.dilation[0]
        )
        return out.to(self.weight.dtype)

    def is_readable_beside(self, x: Tensor) -> bool:
        """Say whether passes over `x` may read the weights."""
        return all(has_address(value, x) for value in self.parameters(recurse=False))
