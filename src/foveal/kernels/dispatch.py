"""Whether gates take the fast path: where it can be taken, and is not switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from foveal.errors import UsageError
from foveal.kernels.bindings import NAMES, layout_of
from foveal.kernels.build import library

_wanted = True


def why_not_fast() -> str | None:
    """Return why this machine has no fast gates, None where it has them."""
    found = library()
    return found if isinstance(found, str) else None


@contextmanager
def fast_gates(wanted: bool) -> Iterator[None]:
    """Let gates take the fast path inside, where they can, or the plain one everywhere.

    Both compute the same up to rounding. The fast one is taken by default, on the CPU, for float32, float64
    and bfloat16, in eager mode; it has no second derivatives.

    Raises:
        UsageError: the fast path is wanted on a machine that has none.

    >>> from foveal.attention import create
    >>> gate = create("series", 8)
    >>> with fast_gates(False):
    ...     out = gate(torch.ones(2, 8, 5, 4))
    """
    global _wanted
    reason = why_not_fast() if wanted else None
    if reason is not None:
        raise UsageError(f"Fast gates are not to be had here, since {reason}: take the plain ones.")
    before, _wanted = _wanted, wanted
    try:
        yield
    finally:
        _wanted = before


def takes_fast_path(x: Tensor, *modules: nn.Module) -> bool:
    """Say whether a map may take the fast path through modules that are not called on the way."""
    return may_take_passes(x, *modules) and x.dim() == 4 and layout_of(x) is not None


def may_take_passes(x: Tensor, *modules: nn.Module) -> bool:
    """Say the same of a tensor of any shape, however it lies."""
    return (
        _wanted
        and type(x) is Tensor
        and not traced()  # before anything that a watch would see is asked of the map
        and x.device.type == "cpu"
        and x.dtype in NAMES
        and x.numel() > 0
        and not any(map(has_hooks, modules))
        and why_not_fast() is None
    )


def has_address(value: Tensor, x: Tensor) -> bool:
    """Say whether a pass over `x` may read a value: an ordinary tensor on the same device."""
    return (
        type(value) in (Tensor, nn.Parameter)
        and value.device == x.device
        and (value.dim() != 1 or value.is_contiguous())
    )


def traced() -> bool:
    """Say whether somebody takes note of the operations, who would not see what a pass does."""
    return bool(
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
        or _get_current_dispatch_mode() is not None
    )


def has_hooks(module: nn.Module) -> bool:
    """Say whether a module has hooks, or a `forward` put in its place, which run only if it is called."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
        or module._backward_pre_hooks or "forward" in vars(module)
    )  # fmt: skip
