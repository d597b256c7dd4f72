"""A copy of a network to measure on, so that the user's own is never touched."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from foveal.errors import UsageError


def copied(model: nn.Module, device: str | torch.device) -> nn.Module:
    """Return a copy of the model whose parameters and buffers are on `device`.

    On the meta device they have a shape and no values, and nothing is copied. What the model shares, the
    copy shares too; gradients stay behind.

    Raises:
        UsageError: the model cannot be copied, or has no values and should have some.
    """
    memo: dict[int, object] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                # A result that was put by: deepcopy refuses its graph.
                memo[id(value)] = moved_to(value, device)
    for parameter in model.parameters():
        moved = nn.Parameter(moved_to(parameter, device), requires_grad=parameter.requires_grad)
        memo[id(parameter)] = moved
    for buffer in model.buffers():
        memo[id(buffer)] = moved_to(buffer, device)
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise UsageError(
            f"The model cannot be copied ({error}), and is not measured itself, as that would change it."
        ) from error


def moved_to(tensor: Tensor, device: str | torch.device) -> Tensor:
    """Return a copy of a tensor on a device."""
    if torch.device(device).type == "meta":
        return torch.empty_like(tensor, device="meta", requires_grad=False)
    if tensor.is_meta:
        raise UsageError(
            'The model is on the meta device and has no values: count with `device="meta"`.'
        )
    return tensor.detach().to(device, copy=True)
