"""Attention modules by name: each file of this folder registers its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from torch import nn

from foveal.errors import unknown_name

Module = TypeVar("Module", bound=type[nn.Module])


@dataclass(frozen=True)
class Entry:
    """How one name is made, and the place that its paper gives it."""

    factory: Callable[..., nn.Module]
    where: str
    preset: dict[str, object] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, object]:
        """The options it takes, with their defaults."""
        parameters = list(inspect.signature(self.factory).parameters.values())[1:]
        return {p.name: p.default for p in parameters} | self.preset

    @property
    def summary(self) -> str:
        """What it does, in the first sentence of its docstring."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[0]


ENTRIES: dict[str, Entry] = {}


def register(name: str, *, where: str) -> Callable[[Module], Module]:
    """Register a module class under `name`; its first argument is the number of channels.

    `where` is the place it takes when none is asked for.
    """

    def add(module: Module) -> Module:
        ENTRIES[name] = Entry(module, where)
        return module

    return add


def preset(name: str, *, of: str, **options: object) -> None:
    """Register `name` as the module `of` with other defaults."""
    base = ENTRIES[of]
    ENTRIES[name] = Entry(base.factory, base.where, base.preset | options)


def available() -> list[str]:
    """Return the names that `create` knows, sorted.

    >>> from foveal.attention import available
    >>> "series" in available()
    True
    """
    return sorted(ENTRIES)


def entry(name: str) -> Entry:
    """Return what is registered under `name`.

    Raises:
        UsageError: nothing is; the message lists what is.
    """
    if name not in ENTRIES:
        raise unknown_name("attention module", name, available())
    return ENTRIES[name]


def create(name: str, channels: int, **options: object) -> nn.Module:
    """Make the attention module `name` for feature maps of `channels` channels.

    Raises:
        UsageError: the name or an option is unknown, or an option has a value that it cannot have.

    >>> from foveal.attention import create
    >>> sum(p.numel() for p in create("bam-paper", 256).parameters())
    17747
    """
    found = entry(name)
    check_options(name, found, options)
    return found.factory(channels, **(found.preset | options))


def check_options(name: str, found: Entry, options: dict[str, object]) -> None:
    """Refuse options that the module does not have."""
    for option in options:
        if option not in found.options:
            raise unknown_name(f"option of attention {name!r}", option, found.options)
