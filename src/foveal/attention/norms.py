"""Batch norms that also train where a channel has a single value."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class LenientNorm(_BatchNorm):
    """Batch norm that falls back on its running statistics where a channel has a single value.

    One value has no variance, and torch raises in training mode. It happens in the channel branch of
    BAM with a batch of one, as the last batch of an epoch may be, and on maps of 1x1.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name torch gives it
        """Return the normalised batch, of the shape of `input`."""
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class Norm1d(LenientNorm, nn.BatchNorm1d):
    """The norm of (N, C)."""


class Norm2d(LenientNorm, nn.BatchNorm2d):
    """The norm of (N, C, H, W)."""
