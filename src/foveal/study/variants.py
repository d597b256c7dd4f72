"""Variants of a study: the requested ones in canonical form, and the controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveal.attention import canonicalize_variant
from foveal.errors import UsageError
from foveal.study.config import StudyConfig
from foveal.variant_names import (
    BASELINE,
    CONTROL_OPTION,
    CONTROLS,
    SAME_TIME_CONTROL,
    WIDE_CONTROL,
    get_controlled_variant,
    get_variant_name,
    has_attention,
    join_variant,
    split_variant,
)

_SE_CONTROL = "se"


def resolve_variants(config: StudyConfig) -> tuple[str, ...]:
    """Return the requested variants in canonical form, then the requested controls.

    Raises:
        UsageError: a variant is unknown, or two names mean the same variant.

    >>> resolve_variants(StudyConfig(attention="none,ECA", wide=True, same_time=True))
    ('none', 'eca', 'wide:like=eca', 'same-time:like=eca')
    """
    requested = _resolve_names(config.variants)
    modules = [variant for variant in requested if has_attention(variant)]
    controls = [_SE_CONTROL] if config.se else []
    controls += [_name_control(WIDE_CONTROL, module) for module in modules if config.wide]
    controls += [_name_control(SAME_TIME_CONTROL, module) for module in modules if config.same_time]
    return tuple(dict.fromkeys([*requested, *controls]))


def add_baseline(config: StudyConfig) -> StudyConfig:
    """Return the config with `none` before its variants if it is not among them: no verdict without it.

    Raises:
        UsageError: a variant is unknown.

    >>> add_baseline(StudyConfig(attention="cbam")).attention, add_baseline(StudyConfig()).attention[:12]
    ('none,cbam', 'none,channel')
    """
    if BASELINE in resolve_variants(config):
        return config
    return config.model_copy(update={"attention": f"{BASELINE},{config.attention}"})


def list_controls(config: StudyConfig, variants: Sequence[str]) -> tuple[str, ...]:
    """Return the controls among resolved variants: those with a control's name, and `se` if it is requested.

    >>> list_controls(StudyConfig(se=True), ("none", "cbam", "se", "wide:like=cbam"))
    ('se', 'wide:like=cbam')
    >>> list_controls(StudyConfig(), ("none", "cbam", "se"))
    ()
    """
    return tuple(
        variant
        for variant in variants
        if get_variant_name(variant) in CONTROLS or (config.se and variant == _SE_CONTROL)
    )


def _resolve_names(variants: Sequence[str]) -> list[str]:
    """Return variants in canonical form.

    Raises:
        UsageError: a variant is unknown, or two of them are the same.
    """
    typed_names: dict[str, str] = {}
    for typed in variants:
        canonical = canonicalize_variant(typed)
        if canonical in typed_names:
            raise UsageError(
                f"The variants {typed_names[canonical]!r} and {typed!r} are the same ({canonical!r}). "
                "Remove one of them."
            )
        typed_names[canonical] = typed
    return list(typed_names)


def _name_control(control: str, module: str) -> str:
    """Return the control of an attention module, with the module's options.

    >>> _name_control("wide", "cbam:reduction=8")
    'wide:like=cbam:reduction=8'
    """
    name, options = split_variant(module)
    return join_variant(control, {CONTROL_OPTION: name, **options})


def map_timed_controls(variants: Sequence[str]) -> dict[str, str]:
    """Return the variant whose training time each `same-time` control takes, by control.

    The variants should be canonical.

    >>> map_timed_controls(("none", "same-time:like=cbam:reduction=8"))
    {'same-time:like=cbam:reduction=8': 'cbam:reduction=8'}
    """
    timed = {}
    for variant in variants:
        if get_variant_name(variant) == SAME_TIME_CONTROL:
            timed[variant] = get_controlled_variant(variant)
    return timed


def scale_epochs(epochs: int, step_seconds: Mapping[str, float], variant: str) -> int:
    """Return the number of epochs of the baseline that take as long as `epochs` of a variant.

    >>> scale_epochs(10, {"none": 0.1, "cbam": 0.24}, "cbam")
    24
    """
    return max(1, round(epochs * step_seconds[variant] / step_seconds[BASELINE]))
