"""Imports of objects that a user names as `package.module:name`, such as a network or data."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from foveal.errors import UsageError

_CHECKSUM_DIGITS = 16


def import_string(path: str) -> Any:
    """Import the callable `package.module:name`, also from the current folder; `name` may contain dots.

    An installed command does not search the current folder, so it is added to `sys.path`.

    Raises:
        UsageError: the module or the name does not exist, or the object is not callable.
    """
    module, _, name = path.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        imported = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{path!r} cannot be imported ({error}).") from error
    if not callable(imported):
        raise UsageError(
            f"{path!r} should be a function or a class. Found {type(imported).__name__}."
        )
    return imported


def compute_source_checksum(path: str) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of the file that defines `package.module:name`.

    Raises:
        UsageError: the object cannot be imported, or its source cannot be read.
    """
    try:
        source = inspect.getsource(sys.modules[import_string(path).__module__])
    except (OSError, TypeError) as error:
        raise UsageError(f"The source of {path!r} cannot be read ({error}).") from error
    return hashlib.sha256(source.encode()).hexdigest()[:_CHECKSUM_DIGITS]
