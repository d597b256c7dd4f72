"""Numerics: settings that change the last bits of a result, such as threads, dtype and kernels.

They are resolved once, when a run or a study is created, and stored in its config. No later probe,
machine load or executor changes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from foveal.errors import UsageError, bad_parameter
from foveal.training.hardware_probe import is_bfloat16_faster
from foveal.training.kernel_probe import find_faster_parts

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

AUTO: Final = "auto"


class Numerics(BaseModel):
    """Device, threads, dtype, memory format and kernels; `auto` and 0 threads are not yet resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    device: Literal["auto", "cpu", "cuda", "mps"] = AUTO
    """Device to train on; `auto` takes the fastest kind available."""
    threads: int = Field(default=0, ge=0)
    """CPU threads per run; 0 takes all available cores."""
    dtype: Literal["auto", "float32", "bfloat16"] = AUTO
    """Compute dtype; `auto` takes bfloat16 if a probe finds it faster."""
    memory_format: Literal["auto", "channels_last", "contiguous"] = AUTO
    """Memory layout of feature maps; `auto` takes channels_last."""
    kernels: str = AUTO
    """CPU kernels: auto, native, plain, or native parts such as gate+norm; `auto` times each part once."""


def resolve_numerics(numerics: Numerics) -> Numerics:
    """Return `numerics` with every `auto` replaced by a definite value.

    The probes of dtype and kernels run once per machine; their results are stored in the cache folder.

    Raises:
        UsageError: the machine lacks the requested device or kernels.
    """
    device = find_fastest_device() if numerics.device == AUTO else numerics.device
    _require_device(device)
    threads = numerics.threads or count_cpu_cores()
    dtype = numerics.dtype
    if dtype == AUTO:
        dtype = "bfloat16" if is_bfloat16_faster(device, threads) else "float32"
    memory_format = "channels_last" if numerics.memory_format == AUTO else numerics.memory_format
    resolved = Numerics(
        device=device, threads=threads, dtype=dtype, memory_format=memory_format,
        kernels=numerics.kernels,
    )  # fmt: skip
    return resolved.model_copy(update={"kernels": _resolve_kernels(resolved)})


def _resolve_kernels(numerics: Numerics) -> str:
    """Return the parts with native kernels joined by `+`, or `plain`.

    `auto` follows the environment; if that is silent, it takes the parts that a probe finds faster.

    Raises:
        UsageError: the value is unknown, contradicts the environment, or asks for kernels that are unavailable.
    """
    from foveal import kernels

    is_automatic = numerics.kernels == AUTO
    parts = frozenset(kernels.PARTS) if is_automatic else kernels.parse_parts(numerics.kernels)
    reason = (
        kernels.unavailable_reason() if numerics.device == "cpu" else "they run on the CPU only"
    )
    if reason is not None:
        if parts and not is_automatic:
            raise bad_parameter("kernels", f"`plain` or `auto` here ({reason})", numerics.kernels)
        return "plain"
    if not is_automatic:
        chosen = kernels.join_parts(parts)
        _require_same_in_environment(chosen)
        return chosen
    return kernels.read_environment() or kernels.join_parts(
        find_faster_parts(numerics.threads, numerics.dtype, numerics.memory_format)
    )


def _require_same_in_environment(chosen: str) -> None:
    """Raise UsageError if the environment asks for other kernels than the resolved ones."""
    from foveal import kernels

    requested = kernels.read_environment()
    if requested not in {None, chosen}:
        raise UsageError(
            f"The environment has FOVEAL_KERNELS={requested}, but the design has kernels={chosen}. "
            "Unset FOVEAL_KERNELS."
        )


def count_cpu_cores() -> int:
    """Return the number of CPU cores available to this process."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_device(device: str) -> None:
    """Raise UsageError if `device` is absent; a substitute would change the results."""
    import torch

    is_available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not is_available[device]:
        names = " and ".join(name for name, available in is_available.items() if available)
        raise bad_parameter("device", f"a device of this machine ({names})", device)


def find_fastest_device() -> Literal["cpu", "cuda", "mps"]:
    """Return the fastest kind of device that PyTorch finds."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def get_memory_format(numerics: Numerics) -> torch.memory_format:
    """Return the `torch.memory_format` of resolved `numerics`."""
    import torch

    formats: dict[str, torch.memory_format] = {
        "channels_last": torch.channels_last,
        "contiguous": torch.contiguous_format,
    }
    return formats[numerics.memory_format]


@contextmanager
def numerics_context(numerics: Numerics) -> Iterator[None]:
    """Run the `with` block with the threads and kernels of resolved `numerics`.

    Raises:
        UsageError: native kernels were resolved on another machine and are unavailable on this one, or
            `FOVEAL_KERNELS` asks for other ones.
    """
    import torch

    from foveal import kernels

    if numerics.device == "cpu":
        _require_same_in_environment(numerics.kernels)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(numerics.threads)
    try:
        with kernels.use(numerics.kernels):
            yield
    finally:
        torch.set_num_threads(threads_before)


@contextmanager
def autocast_context(numerics: Numerics, model: nn.Module) -> Iterator[None]:
    """Run forward passes of `model` in the `with` block in the dtype of resolved `numerics`.

    With bfloat16, the last layer, as `find_head` finds it, computes in float32: logits of 8 bits would often be
    equal, and the order of the classes would decide.

    The context must not span an optimizer step: inside it PyTorch caches the cast weights and would
    keep using the old values.
    """
    import torch

    enabled = numerics.dtype == "bfloat16"
    with torch.autocast(numerics.device, dtype=torch.bfloat16, enabled=enabled):
        if enabled:
            with _run_head_in_float32(model, numerics.device):
                yield
        else:
            yield


@contextmanager
def _run_head_in_float32(model: nn.Module, device: str) -> Iterator[None]:
    """Compute the last layer of a model without autocast, on features in float32; nothing without one."""
    import torch

    from foveal.models.finetuning import find_head

    try:
        head = find_head(model)
    except UsageError:  # it has no linear layer and no convolution
        yield
        return
    compute, own_forward = head.forward, head.__dict__.get("forward")

    def compute_in_float32(features: Tensor) -> Tensor:
        with torch.autocast(device, enabled=False):
            logits: Tensor = compute(features.float())
        return logits

    head.forward = compute_in_float32
    try:
        yield
    finally:
        del head.forward
        if own_forward is not None:
            head.forward = own_forward
