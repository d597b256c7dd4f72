"""The controls of a study: what a gain has to be held against before it is attention's."""

from __future__ import annotations

from collections.abc import Mapping

from foveal.attention import parse_variant
from foveal.errors import UsageError
from foveal.study.config import StudyConfig
from foveal.variant_names import BASELINE, SAME_TIME_CONTROL, WIDE_CONTROL, WITHOUT_ATTENTION

SE = "se"


def resolve_variants(config: StudyConfig) -> tuple[str, ...]:
    """Return the variants that were named, and the controls that were asked for.

    Raises:
        UsageError: a variant is unknown, or is named twice.

    >>> resolve_variants(StudyConfig(attention="none,eca", wide=True, same_time=True))
    ('none', 'eca', 'wide:like=eca', 'same-time:like=eca')
    """
    named = config.variants
    for variant in named:
        parse_variant(variant)
        if named.count(variant) > 1:
            raise UsageError(f"The variant {variant!r} is given more than once.")
    with_attention = [
        variant for variant in named if parse_variant(variant).name not in WITHOUT_ATTENTION
    ]
    controls = [SE] if config.se else []
    controls += [f"{WIDE_CONTROL}:like={variant}" for variant in with_attention if config.wide]
    controls += [
        f"{SAME_TIME_CONTROL}:like={variant}" for variant in with_attention if config.same_time
    ]
    return tuple(dict.fromkeys([*named, *controls]))


def timed_like(variants: tuple[str, ...]) -> dict[str, str]:
    """Return, by control that trains for the same time, the variant whose time that is.

    >>> timed_like(("none", "same-time:like=series:reduction=8"))
    {'same-time:like=series:reduction=8': 'series:reduction=8'}
    """
    found = {}
    for variant in variants:
        spec = parse_variant(variant)
        if spec.name == SAME_TIME_CONTROL:
            options = variant.split(":")[1:]
            rest = [option for option in options if not option.startswith("like=")]
            found[variant] = ":".join([str(spec.options["like"]), *rest])
    return found


def scaled_epochs(epochs: int, step_seconds: Mapping[str, float], like: str) -> int:
    """Return how many epochs of the plain network take the time of `epochs` of the variant `like`.

    >>> scaled_epochs(10, {"none": 0.1, "series": 0.24}, "series")
    24
    """
    return max(1, round(epochs * step_seconds[like] / step_seconds[BASELINE]))
