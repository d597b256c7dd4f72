"""Training: one loop, its recipe and numerics, and a checkpoint to resume from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY_EXTRA, suggest_install

with suggest_install(STUDY_EXTRA):
    from foveal.training.hardware_probe import find_parallel_run_count, read_parallel_run_count
    from foveal.training.history import EpochMetrics
    from foveal.training.kernel_probe import read_step_seconds
    from foveal.training.numerics import (
        AUTO,
        Numerics,
        autocast_context,
        count_cpu_cores,
        find_fastest_device,
        get_memory_format,
        numerics_context,
        resolve_numerics,
    )
    from foveal.training.recipe import Recipe

if TYPE_CHECKING:
    from foveal.training.loop import EVALUATION_BATCH_SIZE as EVALUATION_BATCH_SIZE
    from foveal.training.loop import TrainingContext as TrainingContext
    from foveal.training.loop import TrainingResult as TrainingResult
    from foveal.training.loop import apply_memory_format as apply_memory_format
    from foveal.training.loop import build_context as build_context
    from foveal.training.loop import run_step as run_step
    from foveal.training.loop import train as train

__all__ = [
    "AUTO",
    "EVALUATION_BATCH_SIZE",
    "EpochMetrics",
    "Numerics",
    "Recipe",
    "TrainingContext",
    "TrainingResult",
    "apply_memory_format",
    "autocast_context",
    "build_context",
    "count_cpu_cores",
    "find_fastest_device",
    "find_parallel_run_count",
    "get_memory_format",
    "numerics_context",
    "read_parallel_run_count",
    "read_step_seconds",
    "resolve_numerics",
    "run_step",
    "train",
]
LAZY_LOOP_EXPORTS = (
    "EVALUATION_BATCH_SIZE",
    "TrainingContext",
    "TrainingResult",
    "apply_memory_format",
    "build_context",
    "run_step",
    "train",
)  # imported on first use, because they import torch
__getattr__ = lazy_exports(
    __name__, dict.fromkeys(LAZY_LOOP_EXPORTS, "loop"), requirement=STUDY_EXTRA
)
