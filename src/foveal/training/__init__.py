"""Training: one loop, its recipe and numerics, and a checkpoint to resume from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.training.history import EpochMetrics
    from foveal.training.numerics import Numerics, resolve_numerics
    from foveal.training.recipe import Recipe

if TYPE_CHECKING:
    from foveal.training.loop import TrainingResult as TrainingResult
    from foveal.training.loop import train as train

__all__ = ["EpochMetrics", "Numerics", "Recipe", "TrainingResult", "resolve_numerics", "train"]
__getattr__ = lazy_exports(__name__, {"TrainingResult": "loop", "train": "loop"}, requirement=STUDY)
