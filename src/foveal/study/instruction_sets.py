"""Instruction sets of the runs of a study: all variants of a seed use one, so that they round alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from foveal.atomic import get_partial_path
from foveal.errors import UsageError
from foveal.kernels import describe_instruction_set
from foveal.records import schema
from foveal.study.config import RunConfig

_AVX2_SETTINGS: Final = "ATEN_CPU_CAPABILITY=avx2 DNNL_MAX_CPU_ISA=AVX2"
"""Environment variables with which PyTorch uses AVX2 on a processor with AVX-512."""


class OtherInstructionSetError(UsageError):
    """A run whose seed was begun with another instruction set than that of this process."""


def require_same_instruction_set(config: RunConfig, folders: Iterable[Path]) -> None:
    """Raise an error if the run folders, finished or not, have another instruction set than this process.

    On a GPU the instruction set of the CPU does not matter.

    Raises:
        OtherInstructionSetError: no run has the instruction set of this process, and some have another.
    """
    if config.device != "cpu":
        return
    found = [_read_instruction_set(folder) for folder in folders]
    needed = sorted({name for name in found if name is not None})
    present = describe_instruction_set()
    if needed and present not in needed:
        raise OtherInstructionSetError(_describe_mismatch(needed, present))


def _read_instruction_set(folder: Path) -> str | None:
    """Return the instruction set with which a run was begun, or None if it is unknown."""
    for path in (folder, get_partial_path(folder)):
        try:
            environment = json.loads((path / schema.ENVIRONMENT_FILE).read_text())
            return str(environment["instruction_set"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _describe_mismatch(needed: Sequence[str], present: str) -> str:
    """Return the instruction set that the runs of a seed need, and how to continue.

    >>> _describe_mismatch(["AVX512"], "AVX2").partition(". ")[2]
    'Continue on a machine with AVX512, or delete the runs of the seed.'
    """
    capability, _, kernels = needed[0].partition(", kernels ")
    place = f"on a machine with {capability}"
    place += f" or with {_AVX2_SETTINGS}" if capability == "AVX2" else ""
    place += f" and FOVEAL_KERNELS=native-{kernels}" if kernels else ""
    return (
        f"Runs of the same seed were begun with {' and '.join(needed)}, and this process uses {present}. "
        f"Continue {place}, or delete the runs of the seed."
    )
