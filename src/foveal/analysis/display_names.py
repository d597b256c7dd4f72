"""Names as people write them: data sets, networks and attention modules in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from foveal.text_format import replace_unprintable
from foveal.variant_names import (
    BASELINE,
    CONTROLS,
    SAME_TIME_CONTROL,
    WIDE_CONTROL,
    get_variant_name,
    has_attention,
)

if TYPE_CHECKING:
    from foveal.stats import Comparison

_DATA_NAMES: Final = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
_NETWORK_NAMES: Final = {"convnet": "ConvNet"}
_MODULE_NAMES: Final = {
    "channel": "channel attention",
    "spatial": "spatial attention",
    "cbam": "CBAM",
    "bam": "BAM",
    "se": "squeeze-and-excitation",
    "eca": "ECA",
    "scse": "scSE",
    "simam": "SimAM",
    "triplet": "triplet attention",
    "coordinate": "coordinate attention",
}
_DESCRIPTIONS: Final = {
    BASELINE: "no attention",
    "channel": "CBAM's channel part",
    "spatial": "CBAM's spatial part",
    "cbam": "channel → spatial",
    "bam": "channel + spatial",
    "se": "SENet",
    WIDE_CONTROL: "wider",
    SAME_TIME_CONTROL: "longer",
}
_CONTROL_PHRASES: Final = {
    WIDE_CONTROL: "the plain network with as many parameters",
    SAME_TIME_CONTROL: "the plain network trained for as long",
}


def name_comparison(comparison: Comparison) -> str:
    """Return the variant of a comparison, and its control if it is not compared with the baseline."""
    if comparison.reference == BASELINE:
        return comparison.variant
    return f"{comparison.variant} minus {comparison.reference}"


def format_data_name(data: str) -> str:
    """Return the name of a data set without its options; a folder without its parents.

    >>> format_data_name("cifar10"), format_data_name("scenes:size=16"), format_data_name("/home/me/leaves")
    ('CIFAR-10', 'scenes', 'leaves')
    """
    name = PurePath(data).name if "/" in data and not data.startswith("hf:") else data
    name = re.sub(r"(:\w+=[^:]*)+$", "", name)
    return _DATA_NAMES.get(name, replace_unprintable(name))


def format_network_name(model: str) -> str:
    """Return the name of a network.

    >>> format_network_name("convnet"), format_network_name("timm/resnet18")
    ('ConvNet', 'timm/ResNet-18')
    """
    library, slash, name = model.rpartition("/")
    name = _NETWORK_NAMES.get(name, re.sub(r"^resnet(\d+)$", r"ResNet-\1", name))
    return replace_unprintable(f"{library}{slash}{name}")


def describe_variant(variant: str) -> str:
    """Return a few words on what a variant is; empty for a module that its name describes.

    >>> describe_variant("cbam:reduction=8"), describe_variant("triplet")
    ('channel → spatial', '')
    """
    return _DESCRIPTIONS.get(get_variant_name(variant), "")


def describe_reference(reference: str) -> str:
    """Return the reference of a comparison as a sentence names it.

    >>> describe_reference("none"), describe_reference("se")
    ('the network without attention', '`se`')
    >>> describe_reference("wide:like=cbam")
    'the plain network with as many parameters'
    """
    if reference == BASELINE:
        return "the network without attention"
    return _CONTROL_PHRASES.get(get_variant_name(reference), f"`{reference}`")


def select_attention_variants(variants: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
    """Return the variants that a study asks about: neither the baseline nor a control.

    >>> select_attention_variants(["none", "cbam", "se", "wide:like=cbam"], controls=["se"])
    ['cbam']
    """
    return [
        variant
        for variant in variants
        if has_attention(variant)
        and variant not in controls
        and get_variant_name(variant) not in CONTROLS
    ]


def write_question(
    variants: Sequence[str], *, model: str, data: str, controls: Sequence[str] = ()
) -> str:
    """Return the question of a study: a single module by its name, several as attention.

    >>> write_question(["none", "cbam"], model="resnet18", data="cifar10")
    'Does CBAM help ResNet-18 on CIFAR-10?'
    >>> write_question(["none", "cbam", "bam"], model="convnet", data="scenes")
    'Does attention help ConvNet on scenes?'
    """
    asked = select_attention_variants(variants, controls)
    modules = {get_variant_name(variant) for variant in asked}
    name = modules.pop() if len(modules) == 1 else ""
    subject = _MODULE_NAMES.get(name, name) or "attention"
    return f"Does {subject} help {format_network_name(model)} on {format_data_name(data)}?"
