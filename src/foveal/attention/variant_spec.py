"""Attention as it is typed: a name, then options after colons."""

from __future__ import annotations

from dataclasses import dataclass, field

from foveal.attention.registry import TIMM, available, check_options, entry
from foveal.errors import UsageError, unknown_name
from foveal.variant_names import BASELINE, CONTROLS


@dataclass(frozen=True)
class Spec:
    """What one variant asks for. `where` is None for the place that the module's paper gives it.

    Three names are no attention: `none`; `wide`, the plain network with as many parameters as one with
    the attention `like` (by default `series`), whose options may follow; and `same-time`, the plain
    network trained for as long as the one with the attention `like` takes.
    """

    name: str
    where: str | None = None
    options: dict[str, object] = field(default_factory=dict)


def parse_spec(text: str) -> Spec:
    """Read a variant such as `series:reduction=8:order=spatial-first:where=conv`.

    Raises:
        UsageError: a name or an option is unknown, or an option is not written `option=value`.

    >>> parse_spec("series:reduction=8")
    Spec(name='series', where=None, options={'reduction': 8})
    """
    name, *parts = text.split(":")
    options: dict[str, object] = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals or not option or not value:
            raise UsageError(
                f"Write options as name=value after colons, as in 'series:reduction=8'. Found {text!r}."
            )
        options[option] = read_value(value)
    where = options.pop("where", None)
    if name == BASELINE:
        if options or where:
            raise UsageError(f"The variant 'none' takes no options. Found {text!r}.")
    elif name in CONTROLS:
        like = str(options.setdefault("like", "series"))
        check_options(like, entry(like), {k: v for k, v in options.items() if k != "like"})
    elif name in available() or name.startswith(TIMM):
        check_options(name, entry(name), options)
    else:
        raise unknown_name("variant", name, [BASELINE, *available(), *sorted(CONTROLS)])
    return Spec(name, None if where is None else str(where), options)


def read_value(text: str) -> object:
    """Read a whole number, a decimal, true or false, or else a word.

    >>> [read_value(text) for text in ("8", "0.5", "true", "avg+max")]
    [8, 0.5, True, 'avg+max']
    """
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
