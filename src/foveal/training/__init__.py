"""One training loop, what it is told, and what it needs to go on after a break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.training.history import Epoch
    from foveal.training.numerics import Numerics, resolve
    from foveal.training.recipe import Recipe

if TYPE_CHECKING:
    from foveal.training.loop import Training as Training
    from foveal.training.loop import train as train

__all__ = ["Epoch", "Numerics", "Recipe", "Training", "resolve", "train"]
__getattr__ = lazy_exports(__name__, {"Training": "loop", "train": "loop"}, requirement=STUDY)
