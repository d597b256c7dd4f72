"""Whether gates take the fast path: where it can be taken, and is not switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from foveal.errors import UsageError
from foveal.kernels.bindings import NAMES, layout_of
from foveal.kernels.build import library

_enabled: ContextVar[bool] = ContextVar("foveal_native_kernels", default=True)


def unavailable_reason() -> str | None:
    """Return why this machine has no native kernels, None if it has them."""
    found = library()
    return found if isinstance(found, str) else None


@contextmanager
def native_kernels(enabled: bool) -> Iterator[None]:
    """Allow native kernels inside the block, or compute everything with PyTorch's plain operations.

    Both give the same results up to rounding. Native kernels are enabled by default. They support float32,
    float64 and bfloat16 on the CPU in eager mode, without second derivatives. The setting applies to the
    current thread; new threads start with native kernels enabled.

    Raises:
        UsageError: `enabled` is true and this machine has no native kernels.

    >>> from foveal.attention import create
    >>> gate = create("series", 8)
    >>> with native_kernels(False):
    ...     out = gate(torch.ones(2, 8, 5, 4))
    """
    reason = unavailable_reason() if enabled else None
    if reason is not None:
        raise UsageError(f'Native kernels are unavailable ({reason}). Use `kernels="plain"`.')
    token = _enabled.set(enabled)
    try:
        yield
    finally:
        _enabled.reset(token)


def takes_fast_path(x: Tensor, *modules: nn.Module) -> bool:
    """Say whether a map may take the fast path through modules that are not called on the way."""
    return may_take_passes(x, *modules) and x.dim() == 4 and layout_of(x) is not None


def may_take_passes(x: Tensor, *modules: nn.Module) -> bool:
    """Say the same of a tensor of any shape, however it lies."""
    return (
        not traced()  # first: nothing below may be recorded by a trace
        and _enabled.get()
        and type(x) is Tensor
        and x.device.type == "cpu"
        and x.dtype in NAMES
        and x.numel() > 0
        and not any(map(has_hooks, modules))
        and unavailable_reason() is None
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
