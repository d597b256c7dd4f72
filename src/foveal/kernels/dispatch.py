"""The rule that decides between native kernels and plain operations for given tensors.

Each kernel adds its own conditions in a function `supports_...` that begins with `supports` or
`supports_map`. The decision is made in the forward pass; the backward pass belongs to the autograd function
that forward has chosen.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import _get_current_dispatch_mode

from foveal.kernels.bindings import DTYPE_NAMES
from foveal.kernels.build import unavailable_reason
from foveal.kernels.choice import is_native
from foveal.kernels.layout import find_layout, get_accumulator_dtype


def supports(
    x: Tensor,
    *operands: Tensor | None,
    part: str = "gate",
    skipped_modules: Iterable[nn.Module] = (),
) -> bool:
    """Return True if native kernels of a part (see `PARTS`) may compute from `x` and `operands`.

    `skipped_modules` are the modules that are not called on the way, so they must have no hooks. A tensor in
    `operands` may be None if it is optional.
    """
    return (
        not is_being_traced()  # first: no trace may record the questions below
        and is_native(part)
        and type(x) is Tensor
        and _has_backend(x)
        and all(is_kernel_readable(operand, x) for operand in operands if operand is not None)
        and not any(map(has_hooks, skipped_modules))
    )


def supports_map(
    x: Tensor,
    *operands: Tensor | None,
    part: str = "gate",
    skipped_modules: Iterable[nn.Module] = (),
) -> bool:
    """Return True if `supports` holds and `x` is a map (N, C, H, W) with a supported memory format."""
    return (
        supports(x, *operands, part=part, skipped_modules=skipped_modules)
        and x.dim() == 4
        and find_layout(x) is not None
    )


def supports_batch_norm(norm: _BatchNorm, x: Tensor, *operands: Tensor | None) -> bool:
    """Return True if kernels support the configuration of a batch norm for a map (N, C, H, W).

    `operands` are further tensors with one value per channel. In all other cases the caller falls back to
    PyTorch, which raises its usual errors.
    """
    return (
        x.shape[1] == norm.num_features
        and x.numel() > x.shape[1]  # the variance of a single value is undefined
        and has_readable_statistics(norm, x)
        and all(_is_per_channel(value, x) for value in _get_batch_norm_values(norm))
        and all(_is_per_channel(operand, x) for operand in operands if operand is not None)
    )


def _has_backend(x: Tensor) -> bool:
    """Return True if there are kernels for the device and dtype of a tensor that is not empty."""
    return (
        x.device.type == "cpu"
        and x.dtype in DTYPE_NAMES
        and x.numel() > 0
        and unavailable_reason() is None
    )


def is_being_traced() -> bool:
    """Return True while operations are traced (compile, export, functorch, forward mode, dispatch modes).

    A kernel is invisible to a trace.
    """
    return bool(
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
        or _get_current_dispatch_mode() is not None
    )


def has_hooks(module: nn.Module) -> bool:
    """Return True if a module has hooks or a replaced `forward`, which run only if the module is called."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
        or module._backward_pre_hooks or "forward" in vars(module)
    )  # fmt: skip


def is_kernel_readable(value: Tensor, x: Tensor) -> bool:
    """Return True if a kernel over `x` may read `value`: an ordinary tensor on the same device.

    A vector must be contiguous as well; other tensors are copied where necessary.
    """
    return (
        type(value) in (Tensor, nn.Parameter)
        and value.device == x.device
        and (value.dim() != 1 or value.is_contiguous())
    )


def has_readable_statistics(norm: _BatchNorm, x: Tensor) -> bool:
    """Return True if a batch norm has weights and running statistics that kernels over `x` may read."""
    return (
        norm.momentum is not None
        and bool(norm.track_running_stats)
        and all(
            value is not None and is_kernel_readable(value, x)
            for value in _get_batch_norm_values(norm)
        )
    )


def _is_per_channel(value: Tensor | None, x: Tensor) -> bool:
    """Return True if a kernel over `x` may read a vector with one value per channel."""
    return (
        value is not None
        and value.dtype == get_accumulator_dtype(x)
        and is_kernel_readable(value, x)
    )


def _get_batch_norm_values(norm: _BatchNorm) -> tuple[Tensor | None, ...]:
    """Return weight, bias, running mean and running variance of a batch norm."""
    return norm.weight, norm.bias, norm.running_mean, norm.running_var
