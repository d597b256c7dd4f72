"""Batch norms that also train where a channel has a single value."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from foveal.kernels.batch_norm_relu import passes_know
from foveal.kernels.bindings import small_dtype
from foveal.kernels.dispatch import may_take_passes
from foveal.kernels.small_conv import NormPlanes


class LenientNorm(_BatchNorm):
    """Batch norm that falls back on its running statistics where a channel has a single value.

    One value has no variance, and torch raises in training mode. It happens in the channel branch of
    BAM with a batch of one, as the last batch of an epoch may be, and on maps of 1x1.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name torch gives it
        """Return the normalized batch, of the shape of `input`."""
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class Norm1d(LenientNorm, nn.BatchNorm1d):
    """The norm of (N, C)."""


class Norm2d(LenientNorm, nn.BatchNorm2d):
    """The norm of (N, C, H, W), in training by passes of our own where it can be (see `native_kernels`)."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized batch, of the shape of `input`."""
        if not (self.training and self.is_fast(input)):
            return super().forward(input)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        out: Tensor = NormPlanes.apply(  # type: ignore[no-untyped-call]
            input,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            self.momentum,
            self.eps,
        )
        return out

    def is_fast(self, input: Tensor) -> bool:  # noqa: A002
        """Say whether passes may norm the input: planes of the dtype of sums."""
        return (
            input.dim() == 4
            and may_take_passes(input)
            and input.dtype == small_dtype(input)
            and passes_know(self, input)
        )
