"""Errors with exit codes, and the forms of their messages."""

import difflib
from collections.abc import Callable, Iterable


class FovealError(Exception):
    """A failure that the request did not cause, such as a corrupt file. Exit code 1."""

    exit_code = 1


class CorruptRecordError(FovealError):
    """A file whose content differs from what was written; it may be quarantined and written again."""


class UsageError(FovealError, ValueError):
    """A request that cannot be met: a wrong name, option, value or path. Exit code 2."""

    exit_code = 2


def bad_parameter(name: str, should_be: str, found: object) -> UsageError:
    """Return the error for a parameter with a wrong value.

    >>> raise bad_parameter("epochs", "at least 1", 0)
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `epochs` should be at least 1. Found `epochs = 0`.
    """
    return UsageError(f"Parameter `{name}` should be {should_be}. Found `{name} = {found!r}`.")


def unknown_name(
    kind: str,
    name: str,
    choices: Iterable[str],
    *,
    suggest: Callable[[str], str | None] | None = None,
) -> UsageError:
    """Return the error for an unknown name, with a suggestion and the valid names.

    Args:
        kind: what the name stands for, such as "model".
        name: the unknown name.
        choices: the valid names.
        suggest: returns the valid name that was probably meant; by default the most similar choice.

    >>> raise unknown_name("model", "convnett", ["convnet"])
    Traceback (most recent call last):
    foveal.errors.UsageError: There is no model 'convnett'. Did you mean 'convnet'? Choose from: convnet.
    """
    choices = list(choices)
    meant = suggest(name) if suggest else next(iter(difflib.get_close_matches(name, choices)), None)
    hint = "" if meant is None else f" Did you mean {meant!r}?"
    choose = f" Choose from: {', '.join(choices)}." if choices else ""
    return UsageError(f"There is no {kind} {name!r}.{hint}{choose}")


def summarize_error(error: Exception) -> str:
    r"""Return the class of an error and the first line of its message, for a sentence about it.

    >>> summarize_error(RuntimeError("The sizes differ.\nSee the manual."))
    'RuntimeError: The sizes differ'
    """
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    return f"{name}: {lines[0][:200].rstrip('.')}" if lines else name
