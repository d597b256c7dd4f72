"""Validation of parameters and model outputs: each function returns the value or raises an error.

Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

from foveal.errors import FovealError, bad_parameter


def require_one_of(name: str, value: str, choices: Iterable[str]) -> str:
    """Return `value` if it is among `choices`; otherwise raise a `UsageError` that lists them.

    >>> require_one_of("combine", "mean", ("sum", "product"))
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `combine` should be one of 'sum', 'product'. Found `combine = 'mean'`.
    """
    allowed = list(choices)
    if value not in allowed:
        raise bad_parameter(name, "one of " + ", ".join(map(repr, allowed)), value)
    return value


def require_int(name: str, value: object, *, minimum: int) -> int:
    """Return `value` if it is an integer (not a bool) of at least `minimum`; otherwise raise a `UsageError`.

    >>> require_int("validation", -1, minimum=0)
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `validation` should be an integer, at least 0. Found `validation = -1`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < minimum:
        raise bad_parameter(name, f"an integer, at least {minimum}", value)
    return int(value)


def require_positive_int(name: str, value: object) -> int:
    """Return `value` if it is an integer (not a bool) of at least 1; otherwise raise a `UsageError`."""
    return require_int(name, value, minimum=1)


def require_odd(name: str, value: object) -> int:
    """Return `value` if it is an odd positive integer; otherwise raise a `UsageError`."""
    number = require_positive_int(name, value)
    if number % 2 == 0:
        raise bad_parameter(name, "odd", value)
    return number


def require_positive(name: str, value: float) -> float:
    """Return `value` if it is above zero; otherwise, and for NaN, raise a `UsageError`."""
    if not value > 0:
        raise bad_parameter(name, "above 0", value)
    return value


def require_strictly_between(name: str, value: float, low: float, high: float) -> float:
    """Return `value` if low < value < high; otherwise raise a `UsageError`.

    >>> require_strictly_between("level", 95, 0, 1)
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `level` should be between 0 and 1. Found `level = 95`.
    """
    if not low < value < high:
        raise bad_parameter(name, f"between {low} and {high}", value)
    return value


def require_in_range(name: str, value: float, low: float, high: float) -> float:
    """Return `value` if low <= value <= high; otherwise raise a `UsageError`.

    >>> require_in_range("share", 1.5, 0, 1)
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `share` should be from 0 to 1. Found `share = 1.5`.
    """
    if not low <= value <= high:
        raise bad_parameter(name, f"from {low} to {high}", value)
    return value


def require_logits(output: Any, count: int) -> Any:
    """Return the output of a model for `count` images if it is a tensor of logits (count, K).

    Raises:
        FovealError: the output is not a tensor or has another shape.

    >>> require_logits([1.0], 3)
    Traceback (most recent call last):
    foveal.errors.FovealError: The model should return logits of shape (3, K) for 3 images. Found list.
    """
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != count or not hasattr(output, "isfinite"):
        found = type(output).__name__ if shape is None else tuple(shape)
        raise FovealError(
            f"The model should return logits of shape ({count}, K) for {count} images. Found {found}."
        )
    return output


def require_finite_logits(logits: Any, describe_row: Callable[[int], str]) -> None:
    """Raise a `FovealError` if a logit in (M, K) is not finite.

    `describe_row` turns the index of the first such row into words for the message, such as "image 7".
    """
    rows = (~logits.isfinite()).any(1).nonzero()
    if len(rows):
        raise FovealError(
            f"The model returns a value that is not finite for {describe_row(int(rows[0]))}."
        )
