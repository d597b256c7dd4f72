"""What moves the last bits of a result: threads, dtype, memory format, device, how gates compute.

They are resolved once, when a run or a study is created, and written into its config. No later
probe, machine load or executor changes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from foveal.errors import bad_parameter
from foveal.training.hardware_probe import bfloat16_is_faster

if TYPE_CHECKING:
    import torch

AUTO: Final = "auto"


class Numerics(BaseModel):
    """Threads, dtype, memory format and device; `auto` (0 threads) is still to be resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    device: Literal["auto", "cpu", "cuda", "mps"] = AUTO
    """Where to train."""
    threads: int = Field(default=0, ge=0)
    """CPU threads of one run; 0 takes all that there are."""
    dtype: Literal["auto", "float32", "bfloat16"] = AUTO
    """What is computed in; `auto` takes bfloat16 where a probe finds it faster."""
    memory_format: Literal["auto", "channels_last", "contiguous"] = AUTO
    """How feature maps lie in memory."""
    gates: Literal["auto", "fast", "plain"] = AUTO
    """Whether gates take their fast path; `auto` takes it where the machine has it."""


def resolve(numerics: Numerics) -> Numerics:
    """Return the same without anything left to choose.

    The probe of the dtype runs once a machine; its answer is kept in the cache folder.

    Raises:
        UsageError: the machine has no such device.
    """
    device = best_device() if numerics.device == AUTO else numerics.device
    refuse_absent(device)
    threads = numerics.threads or cores()
    dtype = numerics.dtype
    if dtype == AUTO:
        dtype = "bfloat16" if bfloat16_is_faster(device, threads) else "float32"
    memory_format = "channels_last" if numerics.memory_format == AUTO else numerics.memory_format
    return Numerics(
        device=device, threads=threads, dtype=dtype, memory_format=memory_format,
        gates=resolved_gates(numerics.gates, device),
    )  # fmt: skip


def resolved_gates(gates: str, device: str) -> Literal["fast", "plain"]:
    """Return how gates compute on this machine.

    Raises:
        UsageError: the fast path is asked for and is not to be had.
    """
    if gates == "plain" or (gates == AUTO and device != "cpu"):
        return "plain"
    from foveal.kernels import unavailable_reason

    reason = "it is for the CPU" if device != "cpu" else unavailable_reason()
    if gates == "fast" and reason is not None:
        raise bad_parameter("gates", f"`plain` or `auto` here ({reason})", gates)
    return "fast" if reason is None else "plain"


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def refuse_absent(device: str) -> None:
    """Raise UsageError where the device is not there: another one would give other results."""
    import torch

    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not here[device]:
        found = " and ".join(name for name, available in here.items() if available)
        raise bad_parameter("device", f"a device of this machine ({found})", device)


def best_device() -> Literal["cpu", "cuda", "mps"]:
    """Return the fastest kind of device that torch finds."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def torch_memory_format(numerics: Numerics) -> torch.memory_format:
    """Return torch's own name of the memory format."""
    import torch

    named: torch.memory_format = {
        "channels_last": torch.channels_last,
        "contiguous": torch.contiguous_format,
    }[numerics.memory_format]
    return named


@contextmanager
def arithmetic_of(numerics: Numerics) -> Iterator[None]:
    """Compute with the threads and the path of gates of resolved `numerics` inside.

    Raises:
        UsageError: the fast path was settled on a machine that has it, and this one has not.
    """
    import torch

    from foveal.kernels import native_kernels

    before = torch.get_num_threads()
    torch.set_num_threads(numerics.threads)
    try:
        with native_kernels(numerics.gates == "fast"):
            yield
    finally:
        torch.set_num_threads(before)


def precision(numerics: Numerics) -> torch.autocast:
    """Return the context of one forward pass in the dtype of resolved `numerics`.

    It must not span a step of the optimizer: inside it torch keeps the weights it has cast, and would
    go on with the old ones.
    """
    import torch

    enabled = numerics.dtype == "bfloat16"
    return torch.autocast(numerics.device, dtype=torch.bfloat16, enabled=enabled)
