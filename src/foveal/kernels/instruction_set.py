"""Instruction set of the kernels: that of the processor, or the one that the environment names."""

from __future__ import annotations

import os
import platform
from functools import cache
from typing import NamedTuple

import torch

from foveal.errors import bad_parameter

ENVIRONMENT_VARIABLE = "FOVEAL_KERNELS"
"""Choice of kernels for a process: as in `use`, or `native-v3` and `native-v4` with an instruction set."""


class InstructionSet(NamedTuple):
    """Name of an instruction set and the value of the compiler option `-march`."""

    name: str
    march: str


V4 = InstructionSet("v4", "x86-64-v4")
"""x86-64 with AVX-512."""
V3 = InstructionSet("v3", "x86-64-v3")
"""x86-64 with AVX2; runs on processors with AVX-512, too."""
ARMV8 = InstructionSet("armv8", "armv8-a")
"""64-bit ARM with NEON, which all such processors have."""
NATIVE = InstructionSet("native", "native")
"""Instructions of this processor, on other architectures and where AVX2 is missing."""

_ARM = {"aarch64", "arm64"}
_X86 = {"x86_64", "amd64"}
_WITH_CAPABILITY = {"AVX512": (V4, V3), "AVX2": (V3,)}


@cache
def get_instruction_set() -> InstructionSet:
    """Return the instruction set of this process: the widest that PyTorch uses, or the one in the environment.

    Raises:
        UsageError: `FOVEAL_KERNELS` names an instruction set that PyTorch does not find on this processor.
    """
    supported = list_supported()
    _, name = split_choice(os.environ.get(ENVIRONMENT_VARIABLE, ""))
    if name is None:
        return supported[0]
    for instruction_set in supported:
        if instruction_set.name == name:
            return instruction_set
    names = ", ".join(f"native-{known.name}" for known in supported)
    raise bad_parameter(
        ENVIRONMENT_VARIABLE, f"an instruction set of this processor ({names})", f"native-{name}"
    )


def list_supported() -> tuple[InstructionSet, ...]:
    """Return the instruction sets that run on this processor, widest first."""
    architecture = platform.machine().lower()
    if architecture in _ARM:
        return (ARMV8,)
    capability = torch.backends.cpu.get_cpu_capability() if architecture in _X86 else ""
    return _WITH_CAPABILITY.get(capability, (NATIVE,))


def describe_instruction_set() -> str:
    """Return what PyTorch uses, such as `AVX512`, and the kernels' instruction set if the environment names it.

    `AVX512, kernels v3` are AVX-512 operations of PyTorch and kernels for AVX2.

    Raises:
        UsageError: `FOVEAL_KERNELS` names an instruction set that PyTorch does not find on this processor.
    """
    capability = torch.backends.cpu.get_cpu_capability()
    instruction_set = get_instruction_set()
    if instruction_set == list_supported()[0]:
        return capability
    return f"{capability}, kernels {instruction_set.name}"


def split_choice(choice: str) -> tuple[str, str | None]:
    """Return the kernels of a choice such as `native-v3`, and its instruction set if it names one.

    >>> split_choice("native-v3")
    ('native', 'v3')
    >>> split_choice("plain")
    ('plain', None)
    """
    kernels, dash, name = choice.partition("-")
    return kernels, name if dash else None
