"""Pools that turn a feature map into one value per channel, or one per position."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foveal.kernels import is_being_traced
from foveal.validation import require_one_of


def _average_pool(x: Tensor, dim: int) -> Tensor:
    """Return the mean over `dim`."""
    return x.mean(dim, keepdim=True)


def _max_pool(x: Tensor, dim: int) -> Tensor:
    """Return the maximum over `dim`; one of equal maxima gets the gradient, as in the authors' code of CBAM."""
    if torch.is_grad_enabled() or is_being_traced():
        return x.max(dim, keepdim=True).values
    return x.amax(dim, keepdim=True)  # the same values, in a fraction of the time


def _max_pool_sharing_gradient(x: Tensor, dim: int) -> Tensor:
    """Return the maximum over `dim`; equal maxima share the gradient, as in timm."""
    return x.amax(dim, keepdim=True)


def _l2_pool(x: Tensor, dim: int) -> Tensor:
    """Return the L2 norm over `dim` (Lp pool with p = 2). Its gradient at zero is zero."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return norm


def _log_sum_exp_pool(x: Tensor, dim: int) -> Tensor:
    """Return the logarithm of the sum of exponentials, shifted by the maximum so that it cannot overflow."""
    return x.logsumexp(dim, keepdim=True)


_POOLS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "avg": _average_pool,
    "max": _max_pool,
    "amax": _max_pool_sharing_gradient,
    "lp": _l2_pool,
    "lse": _log_sum_exp_pool,
}


def parse_pool_names(option: str, value: str) -> tuple[str, ...]:
    """Return the names of pools joined by a plus sign.

    >>> parse_pool_names("pools", "avg+max")
    ('avg', 'max')
    """
    return tuple(require_one_of(option, name, _POOLS) for name in value.split("+"))


def pool_over_positions(x: Tensor, names: tuple[str, ...]) -> Tensor:
    """Return pools over positions: (N, C, H, W) to one row per pool, (N, P, C)."""
    flat = x.flatten(2)  # (N, C, H W)
    return torch.cat([_POOLS[name](flat, 2) for name in names], 2).transpose(1, 2)


def pool_over_channels(x: Tensor, names: tuple[str, ...]) -> Tensor:
    """Return pools over channels: (N, C, H, W) to one map per pool, (N, P, H, W)."""
    return torch.cat([_POOLS[name](x, 1) for name in names], 1)
