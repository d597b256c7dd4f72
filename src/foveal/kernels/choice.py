"""Choice between native kernels and plain operations, for each part of a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from foveal.errors import UsageError, bad_parameter
from foveal.kernels.build import unavailable_reason
from foveal.kernels.instruction_set import (
    ENVIRONMENT_VARIABLE,
    V3,
    V4,
    get_instruction_set,
    split_choice,
)

PARTS = ("gate", "norm", "pool")
"""Parts with native kernels: attention modules, batch norm with ReLU, and max pooling."""

_FASTER_PARTS = {V4: PARTS, V3: PARTS}
"""Parts whose kernels are faster than PyTorch, by instruction set, as docs/speed.md shows.

Other instruction sets have not been measured.
"""

_AUTOMATIC = {"auto", ""}

_parts: ContextVar[frozenset[str] | None] = ContextVar("foveal_native_parts", default=None)


@contextmanager
def use(kernels: str) -> Iterator[None]:
    """Compute with native kernels or with PyTorch's plain operations inside the block.

    Both give the same results up to rounding. The setting applies to the current thread; new threads start with
    that of the environment variable `FOVEAL_KERNELS`, which has the same values and is `auto` by default.

    Args:
        kernels: `native`; `plain`; `auto`, native kernels for the parts where they are known to be faster on
            this instruction set; or the parts with native kernels, joined by `+`, such as `gate+pool`.

    Raises:
        UsageError: the value is unknown, or this machine has no native kernels.

    >>> import torch
    >>> from foveal import kernels
    >>> from foveal.attention import create
    >>> gate = create("cbam", 8)
    >>> with kernels.use("plain"):
    ...     out = gate(torch.ones(2, 8, 5, 4))
    """
    parts = None if kernels == "auto" else parse_parts(kernels)
    reason = unavailable_reason() if parts else None
    if reason is not None:
        raise UsageError(f'Native kernels are unavailable ({reason}). Use `kernels="plain"`.')
    token = _parts.set(parts)
    try:
        yield
    finally:
        _parts.reset(token)


def is_native(part: str) -> bool:
    """Return True if a part of `PARTS` is to be computed by native kernels in this thread."""
    parts = _parts.get()
    if parts is None:
        parts = _find_default_parts(os.environ.get(ENVIRONMENT_VARIABLE, "auto"))
    return part in parts


def parse_parts(kernels: str, *, name: str = "kernels") -> frozenset[str]:
    """Return the parts with native kernels for `native`, `plain` or parts joined by `+`.

    Raises:
        UsageError: the value is none of these; `name` is the parameter in the error.

    >>> sorted(parse_parts("native"))
    ['gate', 'norm', 'pool']
    """
    if kernels == "plain":
        return frozenset()
    parts = frozenset(PARTS if kernels == "native" else kernels.split("+"))
    if not parts.issubset(PARTS):
        allowed = "auto, native, plain, or parts joined by + (gate, norm, pool)"
        raise bad_parameter(name, allowed, kernels)
    return parts


def join_parts(parts: frozenset[str]) -> str:
    """Return the text that `parse_parts` reads, with the parts by name.

    >>> join_parts(frozenset({"pool", "gate"}))
    'gate+pool'
    """
    return "+".join(sorted(parts)) or "plain"


def get_default_kernels() -> str:
    """Return what a new thread of this process uses: parts with native kernels joined by `+`, or `plain`.

    No clock is asked: the environment decides, or else a table of measured instruction sets.
    """
    parts = _find_default_parts(os.environ.get(ENVIRONMENT_VARIABLE, "auto"))
    return join_parts(parts if unavailable_reason() is None else frozenset())


def read_environment() -> str | None:
    """Return the kernels that the environment asks for, parts joined by `+` or `plain`; None for `auto`.

    Raises:
        UsageError: the value is unknown, or this machine has no native kernels.
    """
    choice = os.environ.get(ENVIRONMENT_VARIABLE, "auto")
    is_automatic = split_choice(choice)[0] in _AUTOMATIC
    return None if is_automatic else join_parts(_find_default_parts(choice))


@cache
def _find_default_parts(choice: str) -> frozenset[str]:
    """Return the parts with native kernels for a value of the environment variable."""
    name, _ = split_choice(choice)
    if name in _AUTOMATIC:
        return frozenset(_FASTER_PARTS.get(get_instruction_set(), ()))
    parts = parse_parts(name, name=ENVIRONMENT_VARIABLE)
    reason = unavailable_reason() if parts else None
    if reason is not None:
        raise UsageError(
            f"{ENVIRONMENT_VARIABLE}={choice} asks for native kernels, which are unavailable ({reason})."
        )
    return parts
