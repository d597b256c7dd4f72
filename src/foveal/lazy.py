"""Lazy package exports: public names that are imported on first use.

Importing torch takes seconds. Help, completion and error messages of the command line do not need it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from foveal.optional_imports import suggest_install


def lazy_exports(
    package: str, modules: Mapping[str, str], *, requirement: str | None = None
) -> Callable[[str], object]:
    """Return a `__getattr__` for a package that imports each name from its submodule on first use.

    Args:
        package: name of the package.
        modules: the submodule of each exported name.
        requirement: argument of `pip install` that an error suggests if a dependency is missing.

    >>> lazy_exports("foveal", {"bad_parameter": "errors"})("bad_parameter").__name__
    'bad_parameter'
    """

    def import_name(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with suggest_install(requirement) if requirement else nullcontext():
            return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return import_name
