"""What foveal says when it cannot go on, and the exit code that goes with it."""

import difflib
from collections.abc import Iterable


class FovealError(Exception):
    """Something failed that the user did not ask for wrongly: a damaged file, say. Exit code 1."""

    exit_code = 1


class CorruptRecordError(FovealError):
    """A file is not as it was written. What only this can mend may be set aside and made again."""


class UsageError(FovealError, ValueError):
    """The request itself cannot be met: a name, an option or a path is wrong. Exit code 2."""

    exit_code = 2


def bad_parameter(name: str, should_be: str, found: object) -> UsageError:
    """Return the error for one parameter, in the one form that all of them have.

    >>> raise bad_parameter("epochs", "at least 1", 0)
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `epochs` should be at least 1. Found `epochs = 0`.
    """
    return UsageError(f"Parameter `{name}` should be {should_be}. Found `{name} = {found!r}`.")


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> UsageError:
    """Return the error for a name that nothing has; it lists the names there are.

    >>> raise unknown_name("model", "convnett", ["convnet"])
    Traceback (most recent call last):
    foveal.errors.UsageError: There is no model 'convnett'. Did you mean 'convnet'? Choose from: convnet.
    """
    choices = list(choices)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    listed = f" Choose from: {', '.join(choices)}." if choices else ""
    return UsageError(f"There is no {kind} {name!r}.{hint}{listed}")
