"""Packages whose public names are imported on first use.

torch takes seconds to import; `foveal --help`, completion and a typo must be answered without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from foveal.optional_imports import suggest_install


def lazy_exports(
    package: str, homes: Mapping[str, str], *, requirement: str | None = None
) -> Callable[[str], object]:
    """Return a module's `__getattr__` that finds each name in the submodule `homes` gives.

    >>> lazy_exports("foveal", {"bad_parameter": "errors"})("bad_parameter").__name__
    'bad_parameter'
    """

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with suggest_install(requirement) if requirement else nullcontext():
            return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return find
