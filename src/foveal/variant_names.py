"""Names of variants: the baseline, the controls, and the text form `NAME:option=value:option=value`.

Nothing here imports torch or looks a module up: `foveal.attention.parse_variant` does.
"""

from __future__ import annotations

from collections.abc import Mapping

BASELINE = "none"
"""The plain network, with which every variant is compared."""

WIDE_CONTROL = "wide"
"""The plain network, widened to as many parameters as the network with attention has."""

SAME_TIME_CONTROL = "same-time"
"""The plain network, trained for as long as the network with attention takes."""

CONTROLS = frozenset({WIDE_CONTROL, SAME_TIME_CONTROL})
VARIANTS_WITHOUT_ATTENTION = CONTROLS | {BASELINE}

CONTROL_OPTION = "like"  # of a control: the attention module that it is a control of
WHERE_OPTION = "where"  # of any variant: the sites of its gates

GATE_MODULE_NAME = "attention"
"""Name of an inserted gate as a child of the module at its site, and so a part of its state-dict keys."""


def split_variant(variant: str) -> tuple[str, dict[str, str]]:
    """Split a variant into its name and its options, all of them as text.

    >>> split_variant("cbam:reduction=8:where=stage")
    ('cbam', {'reduction': '8', 'where': 'stage'})
    >>> split_variant("wide:like=my.module:Gate:groups=4")
    ('wide', {'like': 'my.module:Gate', 'groups': '4'})
    """
    name, *parts = split_variant_parts(variant)
    pairs = (part.partition("=") for part in parts)
    return name, {option: value for option, _, value in pairs}


def split_variant_parts(variant: str) -> list[str]:
    """Return the name of a variant, then its parts `option=value`.

    A part without `=` belongs to the text before it: `package.module:Class` is one name.

    >>> split_variant_parts("my.module:Gate:groups=4")
    ['my.module:Gate', 'groups=4']
    """
    parts: list[str] = []
    for part in variant.split(":"):
        if parts and "=" not in part:
            parts[-1] += f":{part}"
        else:
            parts.append(part)
    return parts


def join_variant(name: str, options: Mapping[str, object]) -> str:
    """Return the text of a variant: its name, then its options in their order.

    >>> join_variant("cbam", {"reduction": 8})
    'cbam:reduction=8'
    """
    return ":".join([name, *(f"{option}={value}" for option, value in options.items())])


def get_variant_name(variant: str) -> str:
    """Return the name of a variant, without its options.

    >>> get_variant_name("cbam:reduction=8"), get_variant_name("my.module:Gate:groups=4")
    ('cbam', 'my.module:Gate')
    """
    return split_variant_parts(variant)[0]


def has_attention(variant: str) -> bool:
    """Return True if a canonical variant inserts attention: it is neither the baseline nor a control.

    >>> has_attention("cbam:reduction=8"), has_attention("wide:like=cbam")
    (True, False)
    """
    return get_variant_name(variant) not in VARIANTS_WITHOUT_ATTENTION


def get_controlled_variant(control: str) -> str:
    """Return the variant that a canonical `wide` or `same-time` control is a control of.

    >>> get_controlled_variant("same-time:like=cbam:reduction=8")
    'cbam:reduction=8'
    """
    _, options = split_variant(control)
    return join_variant(options.pop(CONTROL_OPTION), options)


def remove_option(variant: str, option: str) -> str:
    """Return the variant without one of its options.

    >>> remove_option("cbam:where=stage:reduction=8", "where")
    'cbam:reduction=8'
    """
    name, options = split_variant(variant)
    options.pop(option, None)
    return join_variant(name, options)


def is_gate_key(name: str) -> bool:
    """Return True if a state-dict key or module name belongs to an inserted gate.

    >>> is_gate_key("layer1.0.bn2.attention.channel.reduce.weight"), is_gate_key("layer1.0.bn2.weight")
    (True, False)
    """
    return GATE_MODULE_NAME in name.split(".")
