"""Variants as text: an attention module's name, then options after colons."""

from __future__ import annotations

from dataclasses import dataclass, field

from foveal.attention.registry import (
    TIMM_PREFIX,
    available,
    get_entry,
    list_spellings,
    require_known_options,
    resolve_name,
    suggest_name,
)
from foveal.attention.user_modules import is_user_name
from foveal.errors import UsageError, unknown_name
from foveal.user_imports import compute_source_checksum
from foveal.variant_names import (
    BASELINE,
    CONTROL_OPTION,
    CONTROLS,
    WHERE_OPTION,
    join_variant,
    split_variant_parts,
)

_CHECKSUM_MARK = "@"  # before the checksum of the source file of a user's module
_CHECKSUM_DIGITS = 8

_DEFAULT_CONTROL_TARGET = (
    "cbam"  # the module that a control is a control of, unless `like=` names another
)


@dataclass(frozen=True)
class VariantSpec:
    """A parsed variant: canonical name, sites and options.

    Three names insert no attention: `none`, the plain network; `wide`, the plain network with as many
    parameters as one with the module `like` (by default `cbam`), whose options may follow; and
    `same-time`, the plain network trained for as long as the one with the module `like`.

    Attributes:
        name: canonical name of the attention module, or one of the three names above.
        where: sites of the gates; None for the module's default.
        options: options that were typed, by name.
    """

    name: str
    where: str | None = None
    options: dict[str, object] = field(default_factory=dict)


def parse_variant(text: str) -> VariantSpec:
    """Parse a variant such as `cbam:reduction=8:order=spatial-first:where=conv`.

    A user's module is `package.module:Class`, and in a canonical variant `package.module:Class@CHECKSUM`.

    Raises:
        UsageError: a name or an option is unknown, an option occurs twice or is not written
            `option=value`, or the source of a user's module has another checksum.

    >>> parse_variant("CBAM:reduction=8")
    VariantSpec(name='cbam', where=None, options={'reduction': 8})
    """
    typed_name, *parts = split_variant_parts(text)
    name = _resolve_variant_name(typed_name, text)
    options = _parse_options(parts, text)
    where = options.pop(WHERE_OPTION, None)
    if name == BASELINE:
        if options or where:
            raise UsageError(f"The variant {BASELINE!r} takes no options. Found {text!r}.")
    elif name in CONTROLS:
        target = str(options.pop(CONTROL_OPTION, _DEFAULT_CONTROL_TARGET))
        controlled = get_entry(_strip_checksum(target))
        require_known_options(controlled, options)
        options = {CONTROL_OPTION: controlled.name, **options}
    else:
        require_known_options(get_entry(name), options)
    return VariantSpec(name, None if where is None else str(where), options)


def canonicalize_variant(text: str) -> str:
    """Return the one spelling shared by all ways to type the same variant.

    The name is the canonical one. Options are sorted, and an option at its default is left out. `where`
    stays as typed, because its default depends on the network. A control always names its module. The name
    of a user's module ends with a checksum of its source file: a variant with other code is another one.

    Raises:
        UsageError: `text` is not a valid variant, see `parse_variant`.

    >>> [canonicalize_variant(text) for text in ("series", "CBAM:reduction=16", "wide")]
    ['cbam', 'cbam', 'wide:like=cbam']
    >>> canonicalize_variant("BAM:where=stage:dilation=2:combine=product")
    'bam:combine=product:dilation=2:where=stage'
    """
    spec = parse_variant(text)
    if spec.name == BASELINE:
        return BASELINE
    module = str(spec.options.get(CONTROL_OPTION, spec.name))
    defaults = get_entry(module).options
    options = {} if spec.where is None else {WHERE_OPTION: spec.where}
    for option, value in spec.options.items():
        default = defaults.get(option)
        if option != CONTROL_OPTION and not _is_default(value, default):
            options[option] = _format_value(value, default)
    marked = (
        f"{module}{_CHECKSUM_MARK}{_compute_checksum(module)}" if is_user_name(module) else module
    )
    if CONTROL_OPTION not in spec.options:
        return join_variant(marked, dict(sorted(options.items())))
    return join_variant(spec.name, {CONTROL_OPTION: marked, **dict(sorted(options.items()))})


def _compute_checksum(name: str) -> str:
    """Return the checksum of the source file of a user's module."""
    return compute_source_checksum(name)[:_CHECKSUM_DIGITS]


def _strip_checksum(name: str) -> str:
    """Return the name of a user's module without its checksum; other names are returned unchanged.

    Raises:
        UsageError: the source of the module has another checksum.
    """
    bare, _, checksum = name.partition(_CHECKSUM_MARK)
    if checksum and is_user_name(bare) and (found := _compute_checksum(bare)) != checksum:
        raise UsageError(
            f"The source of {bare} has changed: its checksum is {found}, and should be {checksum}. "
            "Restore it, or train the variant again."
        )
    return bare


def _resolve_variant_name(name: str, variant: str) -> str:
    """Return the canonical name of a variant without its options.

    Raises:
        UsageError: no variant has this name; the message suggests one and lists all.
    """
    if is_user_name(name):
        bare = _strip_checksum(name)
        if _is_known_name(bare.partition(":")[0]):
            raise _make_option_error(variant)
        return get_entry(bare).name
    plain = [BASELINE, *sorted(CONTROLS)]
    if name.casefold() in plain:
        return name.casefold()
    if _is_known_name(name):
        return resolve_name(name)
    raise unknown_name(
        "variant",
        name,
        [BASELINE, *available(), *sorted(CONTROLS)],
        suggest=lambda typed: suggest_name(typed, extra=plain),
    )


def _is_known_name(name: str) -> bool:
    """Return True for a registered module, a module of timm, the baseline or a control."""
    folded = name.casefold()
    is_plain = folded == BASELINE or folded in CONTROLS
    return is_plain or name.startswith(TIMM_PREFIX) or folded in list_spellings()


def _make_option_error(variant: str) -> UsageError:
    """Return the error for a part of a variant that is not an option."""
    return UsageError(
        f"Write options as name=value after colons, as in 'cbam:reduction=8'. Found {variant!r}."
    )


def _parse_options(parts: list[str], variant: str) -> dict[str, object]:
    """Return the options of a variant from its parts `option=value`."""
    options: dict[str, object] = {}
    for part in parts:
        option, _, value = part.partition("=")
        if not option or not value:
            raise _make_option_error(variant)
        if option in options:
            raise UsageError(f"The option {option!r} occurs twice in {variant!r}. Remove one.")
        options[option] = parse_value(value)
    return options


def parse_value(text: str) -> object:
    """Return the value of an option: an integer, a float, true or false, otherwise the text itself.

    >>> [parse_value(text) for text in ("8", "0.5", "true", "avg+max")]
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


def _is_default(value: object, default: object) -> bool:
    """Return True if an option's value is its default, in type too: 1 is not True, but is 1.0."""
    same_type = type(value) is type(default) or (type(value) is int and type(default) is float)
    return same_type and value == default


def _format_value(value: object, default: object) -> str:
    """Return an option's value as text that `parse_value` reads back; an integer as its default's type.

    >>> _format_value(True, False), _format_value(2, 1.0)
    ('true', '2.0')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and isinstance(default, float):
        return str(float(value))
    return str(value)
