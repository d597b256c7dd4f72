"""Backward by plain operations, for gradients that are themselves differentiated, batched or traced.

A native kernel reads and writes memory, so nothing can differentiate its result or see its operations. Each
autograd function therefore has two backward functions: native kernels, and plain operations for these cases.

Plain operations must start from inputs of the autograd function and from the incoming gradients: these are
connected to the graph. What forward computed on the way is not connected; an index is the exception, since it
has no gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor

from foveal.kernels.dispatch import is_being_traced

_Backward = Callable[..., Any]


def with_plain_backward(plain: _Backward) -> Callable[[_Backward], _Backward]:
    """Return a decorator for the native `backward` of an autograd function, with its plain equivalent.

    The plain one is called if the operations of backward are recorded: with `create_graph=True`, in a trace,
    with tangents, or for a batch of gradients (`is_grads_batched=True`). It runs without autocast.
    """

    def decorate(native: _Backward) -> _Backward:
        @functools.wraps(native)
        def backward(ctx: Any, *grads: Tensor | None) -> Any:
            if not _is_recorded(grads):
                return native(ctx, *grads)
            with torch.autocast("cpu", enabled=False):
                return plain(ctx, *grads)

        return backward

    return decorate


def _is_recorded(grads: Sequence[Tensor | None]) -> bool:
    """Return True if the operations of a backward pass with these incoming gradients are recorded."""
    return (
        torch.is_grad_enabled()  # in backward: `create_graph=True`
        or is_being_traced()
        or any(g is not None and is_legacy_batchedtensor(g) for g in grads)
    )


def differentiate(
    function: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Sequence[Tensor | None],
    grads: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Return the gradients of `inputs`, given those of all outputs of `function`.

    `function` repeats by plain operations what forward has computed from `inputs`.
    """
    with torch.enable_grad():
        # An input may have been computed from another one: as aliases, both are variables of their own.
        aliases = [None if value is None else value.view_as(value) for value in inputs]
        output = function(*aliases)
    outputs = (output,) if isinstance(output, Tensor) else output
    pairs = [(out, g) for out, g in zip(outputs, grads, strict=True) if g is not None]
    variables = [value for value in aliases if value is not None and value.requires_grad]
    if not pairs or not variables:
        return [None] * len(inputs)
    found = iter(
        torch.autograd.grad(
            [out for out, _ in pairs],
            variables,
            [g for _, g in pairs],
            create_graph=torch.is_grad_enabled(),
            allow_unused=True,
        )
    )
    return [next(found) if value is not None and value.requires_grad else None for value in aliases]
