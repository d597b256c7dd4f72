"""Parameter matching: the width of a plain network with as many parameters as one with attention."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

_BISECTION_STEPS = 24


def find_widening(make_model: Callable[..., nn.Module], parameters: int) -> float:
    """Return the width factor with which a plain network comes closest to `parameters`.

    `make_model` takes the factor as `widening`. The parameter count grows in steps, because widths are
    integers.
    """
    low, high = 1.0, 2.0
    while _count_parameters(make_model, high) < parameters:
        low, high = high, 2 * high
    for _ in range(_BISECTION_STEPS):
        middle = (low + high) / 2
        if _count_parameters(make_model, middle) < parameters:
            low = middle
        else:
            high = middle
    return min(
        (low, high), key=lambda factor: abs(_count_parameters(make_model, factor) - parameters)
    )


def _count_parameters(make_model: Callable[..., nn.Module], widening: float) -> int:
    """Return the number of parameters without allocating them."""
    with torch.device("meta"):
        model = make_model(widening=widening)
    return sum(p.numel() for p in model.parameters())
