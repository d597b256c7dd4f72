"""Batch norms that can train with a single value per channel."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from foveal.kernels import apply_small_batch_norm, supports_small_batch_norm


class _SingleValueBatchNorm(_BatchNorm):
    """Batch norm that uses its running statistics if a channel has a single value.

    The variance of one value is undefined, so PyTorch raises an error in training. This case occurs in the
    channel branch of BAM with a batch of one, for example the last batch of an epoch, and on 1x1 maps.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # PyTorch's name
        """Return the normalized batch, of the shape of `input`."""
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class SingleValueBatchNorm1d(_SingleValueBatchNorm, nn.BatchNorm1d):
    """Batch norm of (N, C) that can train with a single value per channel."""


class SingleValueBatchNorm2d(_SingleValueBatchNorm, nn.BatchNorm2d):
    """Batch norm of (N, C, H, W) that can train with a single value per channel.

    In training it is computed by native kernels if they support it (see `foveal.kernels.use`).
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the normalized batch, of the shape of `input`."""
        if supports_small_batch_norm(self, input):
            return apply_small_batch_norm(self, input)
        return super().forward(input)
