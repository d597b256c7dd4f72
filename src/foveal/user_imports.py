"""What a user names as `package.module:callable`: their own network, their own data."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from foveal.errors import UsageError


def import_string(path: str) -> Any:
    """Import `package.module:name`, also from the current folder, where an installed command does not look.

    Raises:
        UsageError: there is no such module, no such name in it, or what it names cannot be called.
    """
    module, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{path!r} cannot be imported ({error}).") from error
    if not callable(found):
        raise UsageError(f"{path!r} should be a function or a class. Found {type(found).__name__}.")
    return found


def source_checksum(path: str) -> str:
    """Return 16 hexadecimal digits of SHA-256 of the file in which `package.module:name` stands."""
    try:
        source = inspect.getsource(sys.modules[import_string(path).__module__])
    except (OSError, TypeError) as error:
        raise UsageError(f"The source of {path!r} cannot be read ({error}).") from error
    return hashlib.sha256(source.encode()).hexdigest()[:16]
