"""Attention modules by name: each file of this folder registers its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from torch import nn

from foveal.attention.timm_modules import timm_factory
from foveal.errors import unknown_name

Module = TypeVar("Module", bound=type[nn.Module])
Deviation = tuple[str, str, str]
"""A point, what holds here, and what holds in that from which it deviates."""

TIMM = "timm/"


@dataclass(frozen=True)
class Entry:
    """How one name is made, and what is said of it.

    `where` is the place that its paper gives it. `of` names the entry of which it is a preset; the
    deviations are from that one, and from the paper where `of` is empty.
    """

    factory: Callable[..., nn.Module]
    where: str
    preset: dict[str, object] = field(default_factory=dict)
    of: str = ""
    deviations: tuple[Deviation, ...] = ()

    @property
    def options(self) -> dict[str, object]:
        """The options it takes, with their defaults."""
        _, *parameters = inspect.signature(self.factory).parameters.values()
        named = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
        return {p.name: p.default for p in named} | self.preset

    @property
    def summary(self) -> str:
        """What it does, in the first sentence of its docstring."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[0]


ENTRIES: dict[str, Entry] = {}


def register(
    name: str, *, where: str, deviations: tuple[Deviation, ...] = ()
) -> Callable[[Module], Module]:
    """Register a module class under `name`; its first argument is the number of channels.

    `where` is the place it takes when none is asked for, `deviations` are those from its paper.
    """

    def add(module: Module) -> Module:
        ENTRIES[name] = Entry(module, where, deviations=deviations)
        return module

    return add


def preset(
    name: str, *, of: str, deviations: tuple[Deviation, ...] = (), **options: object
) -> None:
    """Register `name` as the module `of` with other defaults, which `deviations` put into words."""
    base = ENTRIES[of]
    ENTRIES[name] = Entry(base.factory, base.where, base.preset | options, of, deviations)


def available() -> list[str]:
    """Return our own names that `create` knows, sorted; it takes timm's as `timm/NAME` besides.

    >>> from foveal.attention import available
    >>> "series" in available()
    True
    """
    return sorted(ENTRIES)


def entry(name: str) -> Entry:
    """Return what is registered under `name`, or what timm has under it for `timm/NAME`.

    Raises:
        UsageError: there is nothing; the message lists what there is.
    """
    if name.startswith(TIMM):
        return Entry(timm_factory(name.removeprefix(TIMM)), "residual")
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
