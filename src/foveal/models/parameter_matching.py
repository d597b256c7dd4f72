"""The control that is easily forgotten: a plain network with as many parameters as one with attention."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

HALVINGS = 24


def widening_for(make: Callable[..., nn.Module], parameters: int) -> float:
    """Return the factor by which the widths of a plain network reach `parameters` most closely.

    `make` takes the factor as `widening`. The count grows with it in steps, since widths are whole.
    """
    low, high = 1.0, 2.0
    while count(make, high) < parameters:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if count(make, middle) < parameters:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda factor: abs(count(make, factor) - parameters))


def count(make: Callable[..., nn.Module], widening: float) -> int:
    """Return the number of parameters, without memory for any of them."""
    with torch.device("meta"):
        model = make(widening=widening)
    return sum(p.numel() for p in model.parameters())
