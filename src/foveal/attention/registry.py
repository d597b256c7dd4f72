"""Registry of attention modules: lookup by name, creation, options.

Each module of this package registers its class, and some register presets of a class.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from torch import nn

from foveal.attention.timm_modules import get_timm_factory
from foveal.attention.user_modules import (
    accepts_any_option,
    get_user_factory,
    is_user_name,
    list_user_options,
    name_factory,
    wrap_user_factory,
)
from foveal.errors import UsageError, unknown_name

Module = TypeVar("Module", bound=type[nn.Module])
_PaperDeviation = tuple[str, str, str]
"""One deviation: what it concerns, the choice here, the choice in the source."""

TIMM_PREFIX = "timm/"
_FOREIGN_DEFAULT_PLACEMENT = "residual"  # of modules of timm and of users
_MIN_SPELLING_SIMILARITY = 0.7  # similarity from which a name counts as a misspelling of another
_MIN_PRESET_SIMILARITY = 0.85  # the same for presets: a doubtful match means the module itself


@dataclass(frozen=True)
class AttentionEntry:
    """A registered attention module: names, factory, default sites, options, documentation.

    Attributes:
        name: the canonical name.
        factory: called with the number of channels and the options; returns the module.
        where: the sites of the module's paper, used unless `where=` is given.
        aliases: other names of the same module.
        preset_of: name of the module of which this entry is a preset; empty for a module itself.
        preset_options: options in which a preset differs from its module.
        deviations: deviations of a module from its paper, or of a preset from its module.
        is_user: whether the factory is a user's own class or function.
        positive_factor: whether the module multiplies each value by a factor of at least zero, so that it can
            be inserted at the layer before a ReLU or LeakyReLU, see `GateBeforeActivation`.
    """

    name: str
    factory: Callable[..., nn.Module]
    where: str
    aliases: tuple[str, ...] = ()
    preset_of: str = ""
    preset_options: Mapping[str, object] = field(default_factory=dict)
    deviations: tuple[_PaperDeviation, ...] = ()
    is_user: bool = False
    positive_factor: bool = False

    @property
    def options(self) -> dict[str, object]:
        """The options with their defaults."""
        if self.is_user:
            return list_user_options(self.name, self.factory)
        _, *parameters = inspect.signature(self.factory).parameters.values()
        named = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
        return {p.name: p.default for p in named} | dict(self.preset_options)

    @property
    def summary(self) -> str:
        """The first line of the factory's docstring."""
        return (inspect.getdoc(self.factory) or "").partition("\n")[0]


ENTRIES: dict[str, AttentionEntry] = {}


def register(
    name: str,
    *,
    where: str,
    aliases: tuple[str, ...] = (),
    deviations: tuple[_PaperDeviation, ...] = (),
    positive_factor: bool = False,
) -> Callable[[Module], Module]:
    """Return a decorator that registers a module class under `name`.

    The class takes the number of channels as its first argument.

    Args:
        name: the canonical name, in lower case.
        where: the sites of the module's paper.
        aliases: other names of the module.
        deviations: deviations from the paper.
        positive_factor: see `AttentionEntry`.
    """

    def add_entry(module: Module) -> Module:
        ENTRIES[name] = AttentionEntry(
            name, module, where, aliases, deviations=deviations, positive_factor=positive_factor
        )
        return module

    return add_entry


def register_preset(
    name: str, *, base: str, deviations: tuple[_PaperDeviation, ...] = (), **options: object
) -> None:
    """Register `name` as the module `base` with other defaults.

    Args:
        name: the canonical name of the preset.
        base: name of a registered module.
        deviations: deviations from that module.
        options: the other defaults.
    """
    module = ENTRIES[base]
    ENTRIES[name] = AttentionEntry(
        name,
        module.factory,
        module.where,
        preset_of=base,
        preset_options=options,
        deviations=deviations,
        positive_factor=module.positive_factor,
    )


def available() -> list[str]:
    """Return the canonical names of all registered modules and presets, sorted.

    `create` also accepts aliases, class names, any case, timm's modules as `timm/NAME`, and a user's own
    as a class or as `package.module:Class`.

    >>> from foveal.attention import available
    >>> "cbam" in available()
    True
    """
    return sorted(ENTRIES)


def resolve_name(name: str) -> str:
    """Return the canonical name of a registered module, given any of its names in any case.

    The names are the canonical one, the aliases and the class name. Names of timm (`timm/NAME`) are
    returned unchanged.

    Raises:
        UsageError: no module has this name; the message suggests one and lists all.

    >>> [resolve_name(name) for name in ("CBAM", "series", "SqueezeExcitation")]
    ['cbam', 'cbam', 'se']
    """
    if name.startswith(TIMM_PREFIX):
        return name
    canonical = list_spellings().get(name.casefold())
    if canonical is None:
        raise unknown_name("attention module", name, available(), suggest=suggest_name)
    return canonical


def list_spellings() -> dict[str, str]:
    """Return the canonical name by every accepted name, casefolded: names, aliases, class names."""
    classes = {
        entry.factory.__name__: name for name, entry in ENTRIES.items() if not entry.preset_of
    }
    aliases = {alias: name for name, entry in ENTRIES.items() for alias in entry.aliases}
    spellings = classes | aliases | {name: name for name in ENTRIES}
    return {spelling.casefold(): name for spelling, name in spellings.items()}


def suggest_name(typed: str, *, extra: Iterable[str] = ()) -> str | None:
    """Return the canonical name that a misspelled name most likely means, None without a close one.

    A preset is suggested only for a near spelling of the preset itself; otherwise its module is, so that
    an unknown name never leads to a lesser form of the module.

    Args:
        typed: the name without a match.
        extra: further names that are valid where it was typed.

    >>> [suggest_name(typed) for typed in ("cbma", "squeeze-excite", "cbam-oficial", "cbam-torch", "x")]
    ['cbam', 'se', 'cbam-official', 'cbam', None]
    """
    spellings = {name: name for name in extra} | list_spellings()
    text = typed.casefold()
    match = _find_close_spelling(text, spellings)
    if match is None:
        return None
    name = spellings[match]
    base = ENTRIES[name].preset_of if name in ENTRIES else ""
    is_near = match.startswith(text) or _measure_similarity(text, match) >= _MIN_PRESET_SIMILARITY
    return base if base and not is_near else name


def _find_close_spelling(text: str, spellings: Iterable[str]) -> str | None:
    """Return the spelling most similar to `text`, or one that begins with it, or one that it contains."""
    close = difflib.get_close_matches(text, spellings, n=1, cutoff=_MIN_SPELLING_SIMILARITY)
    if close:
        return close[0]
    begun = [spelling for spelling in spellings if len(text) > 2 and spelling.startswith(text)]
    contained = [spelling for spelling in spellings if len(spelling) > 2 and spelling in text]
    return min(begun, key=len, default=None) or max(contained, key=len, default=None)


def _measure_similarity(first: str, second: str) -> float:
    """Return the similarity of two texts, from 0 to 1."""
    return difflib.SequenceMatcher(None, second, first).ratio()


def get_entry(attention: str | Callable[..., nn.Module]) -> AttentionEntry:
    """Return the registry entry of a module, given any of its names or its class.

    `timm/NAME`, `package.module:Class` and a class or function that is not registered get an entry of
    their own.

    Raises:
        UsageError: no module has this name; the message lists all names.
    """
    if not isinstance(attention, str):
        return _find_entry_of_class(attention) or _make_user_entry(
            name_factory(attention), attention
        )
    if is_user_name(attention):
        return _make_user_entry(attention, get_user_factory(attention))
    if attention.startswith(TIMM_PREFIX):
        return AttentionEntry(
            attention,
            get_timm_factory(attention.removeprefix(TIMM_PREFIX)),
            _FOREIGN_DEFAULT_PLACEMENT,
        )
    return ENTRIES[resolve_name(attention)]


def _find_entry_of_class(factory: object) -> AttentionEntry | None:
    """Return the entry under which a class is registered, not a preset of it, or None."""
    entries = [e for e in ENTRIES.values() if e.factory is factory and not e.preset_of]
    return entries[0] if entries else None


def _make_user_entry(name: str, factory: Callable[..., nn.Module]) -> AttentionEntry:
    """Return an entry for a user's class or function."""
    return AttentionEntry(
        name, wrap_user_factory(name, factory), _FOREIGN_DEFAULT_PLACEMENT, is_user=True
    )


def create(
    attention: str | Callable[..., nn.Module], channels: int, **options: object
) -> nn.Module:
    """Create an attention module for feature maps with `channels` channels.

    Raises:
        UsageError: the name or an option is unknown, or an option has an invalid value.

    >>> from foveal.attention import create
    >>> sum(p.numel() for p in create("bam", 256).parameters())
    17747
    """
    entry = get_entry(attention)
    require_known_options(entry, options)
    return entry.factory(channels, **(dict(entry.preset_options) | options))


def require_known_options(entry: AttentionEntry, options: Iterable[str]) -> None:
    """Raise a `UsageError` for the first option that the module does not have, or that it needs."""
    known, given = entry.options, list(options)
    takes_all = entry.is_user and accepts_any_option(entry.factory)
    for option in given:
        if option not in known and not takes_all:
            raise unknown_name(f"option of attention {entry.name!r}", option, known)
    for option, default in known.items():
        if entry.is_user and default is inspect.Parameter.empty and option not in given:
            raise UsageError(f"The attention {entry.name!r} needs the option {option!r}.")
