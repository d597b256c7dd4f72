"""Pools that turn a feature map into one value a channel, or one a position."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foveal.attention.gate import one_of


def average(x: Tensor, dim: int) -> Tensor:
    """Mean over `dim`."""
    return x.mean(dim, keepdim=True)


def maximum(x: Tensor, dim: int) -> Tensor:
    """Maximum over `dim`; of equal maxima one gets the gradient, as in the authors' code.

    (`amax` would share it among them.)
    """
    return x.max(dim, keepdim=True).values


def power_average(x: Tensor, dim: int) -> Tensor:
    """Lp pool with p = 2: the root of the sum of squares."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return norm


def log_sum_exp(x: Tensor, dim: int) -> Tensor:
    """Logarithm of the sum of exponentials."""
    return x.logsumexp(dim, keepdim=True)


POOLS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "avg": average,
    "max": maximum,
    "lp": power_average,
    "lse": log_sum_exp,
}


def pool_names(option: str, value: str) -> tuple[str, ...]:
    """Read pools joined by a plus sign.

    >>> pool_names("pools", "avg+max")
    ('avg', 'max')
    """
    return tuple(one_of(option, name, POOLS) for name in value.split("+"))
