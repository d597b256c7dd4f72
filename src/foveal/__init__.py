"""Attention for any CNN: insertion, and evidence of whether it helps, what it costs and where it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports

if TYPE_CHECKING:
    from foveal.allocator import keep_freed_memory as keep_freed_memory
    from foveal.models.insertion import insert as insert
    from foveal.models.recipe_application import apply as apply
    from foveal.models.recipe_application import insertion_of as insertion_of

__version__ = "0.1.0"
__all__ = ["__version__", "apply", "insert", "insertion_of", "keep_freed_memory"]
__getattr__ = lazy_exports(
    __name__,
    {
        "apply": "models.recipe_application",
        "insert": "models.insertion",
        "insertion_of": "models.recipe_application",
        "keep_freed_memory": "allocator",
    },
)
