"""Pools that turn a feature map into one value a channel, or one a position."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foveal.validation import require_one_of


def average(x: Tensor, dim: int) -> Tensor:
    """Mean over `dim`."""
    return x.mean(dim, keepdim=True)


def maximum(x: Tensor, dim: int) -> Tensor:
    """Maximum over `dim`; of equal maxima one gets the gradient, as in the authors' code of CBAM."""
    return x.max(dim, keepdim=True).values


def shared_maximum(x: Tensor, dim: int) -> Tensor:
    """Maximum over `dim`; equal maxima share the gradient, as in timm."""
    return x.amax(dim, keepdim=True)


def power_average(x: Tensor, dim: int) -> Tensor:
    """Lp pool with p = 2: the root of the sum of squares. Its gradient at zero is zero."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return norm


def log_sum_exp(x: Tensor, dim: int) -> Tensor:
    """Logarithm of the sum of exponentials, shifted by the maximum so that it cannot overflow."""
    return x.logsumexp(dim, keepdim=True)


POOLS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "avg": average,
    "max": maximum,
    "amax": shared_maximum,
    "lp": power_average,
    "lse": log_sum_exp,
}


def pool_names(option: str, value: str) -> tuple[str, ...]:
    """Read pools joined by a plus sign.

    >>> pool_names("pools", "avg+max")
    ('avg', 'max')
    """
    return tuple(require_one_of(option, name, POOLS) for name in value.split("+"))


def pool_positions(x: Tensor, names: tuple[str, ...]) -> Tensor:
    """Pool over positions: (N, C, H, W) to one row a pool, (N, P, C)."""
    flat = x.flatten(2)  # (N, C, H W)
    return torch.cat([POOLS[name](flat, 2) for name in names], 2).mT


def pool_channels(x: Tensor, names: tuple[str, ...]) -> Tensor:
    """Pool over channels: (N, C, H, W) to one plane a pool, (N, P, H, W)."""
    return torch.cat([POOLS[name](x, 1) for name in names], 1)
