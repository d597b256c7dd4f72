"""Optional dependencies: a failed import becomes a sentence that names what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from foveal.errors import UsageError

STUDY_EXTRA: Final = "foveal[study]"


class MissingPackageError(UsageError, ImportError):
    """An optional dependency that cannot be imported. Exit code 2."""


@contextmanager
def suggest_install(requirement: str) -> Iterator[None]:
    """Replace an import error raised in this block by one that says what to install.

    Args:
        requirement: the argument of `pip install`, for example `foveal[study]` or `timm`.

    Raises:
        MissingPackageError: a package outside foveal cannot be imported.

    >>> with suggest_install("timm"):
    ...     import gone
    Traceback (most recent call last):
    foveal.optional_imports.MissingPackageError: `gone` cannot be imported. Install it with: pip install "timm"
    """
    try:
        yield
    except MissingPackageError:
        raise
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package == "foveal":
            raise
        raise MissingPackageError(
            f'`{package}` cannot be imported. Install it with: pip install "{requirement}"'
        ) from error
