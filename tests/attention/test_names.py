"""Names of attention modules: aliases, class names, suggestions, and the text form of variants."""

import itertools

import pytest
import torch
from torch import nn

from foveal.attention import (
    available,
    canonicalize_variant,
    create,
    get_entry,
    parse_variant,
    resolve_name,
)
from foveal.errors import UsageError

OTHER_NAMES = {
    "cbam": ["CBAM", "Cbam", "series", "Series", "cbam-paper", "CBAM-Paper"],
    "bam": ["BAM", "parallel", "bam-paper"],
    "cbam-timm": ["CBAM-timm"],
    "channel": ["ChannelAttention", "channelattention", "CHANNEL"],
    "coordinate": ["CoordinateAttention"],
    "eca": ["ECA", "EfficientChannelAttention"],
    "scse": ["scSE", "ConcurrentSqueezeExcitation"],
    "se": ["SE", "SqueezeExcitation"],
    "simam": ["SimAM"],
    "spatial": ["SpatialAttention"],
    "triplet": ["TripletAttention"],
}


@pytest.mark.parametrize(
    ("name", "other"), [(name, other) for name, each in OTHER_NAMES.items() for other in each]
)
def test_finds_a_module_by_alias_class_name_and_any_case(name: str, other: str) -> None:
    assert resolve_name(other) == name
    assert get_entry(other) is get_entry(name)
    assert canonicalize_variant(other) == name
    torch.manual_seed(0)
    expected = create(name, 16).state_dict()
    torch.manual_seed(0)
    found = create(other, 16).state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_lists_modules_by_their_canonical_names() -> None:
    names = available()
    assert {"cbam", "bam", "channel", "spatial", "se"} <= set(names)
    assert not {"series", "parallel", "cbam-paper", "bam-paper"} & set(names)
    assert get_entry("cbam").aliases == ("series", "cbam-paper")
    assert get_entry("bam").aliases == ("parallel", "bam-paper")


def test_names_are_unique() -> None:
    for first, second in itertools.combinations(map(get_entry, available()), 2):
        names = [{e.name, *e.aliases} for e in (first, second)]
        assert not names[0] & names[1]
        if not (first.preset_of or second.preset_of):
            assert first.factory is not second.factory


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("cbma", "cbam"),
        ("cbam2", "cbam"),
        ("cbam-torch", "cbam"),
        ("serie", "cbam"),
        ("squeeze-excite", "se"),
        ("squeeze_excitation", "se"),
        ("channel-attention", "channel"),
        ("coord", "coordinate"),
        ("eca-net", "eca"),
        ("cbam-oficial", "cbam-official"),
        ("cbam-tim", "cbam-timm"),
    ],
)
def test_suggests_the_name_that_was_meant(typed: str, suggestion: str) -> None:
    with pytest.raises(UsageError, match=rf"Did you mean '{suggestion}'\? Choose from: .*spatial"):
        create(typed, 8)
    with pytest.raises(UsageError, match=rf"no variant .*Did you mean '{suggestion}'\?"):
        parse_variant(typed)


def test_suggests_nothing_without_a_close_name() -> None:
    with pytest.raises(UsageError, match=r"no attention module 'transformer'\. Choose from"):
        create("transformer", 8)


def test_suggests_the_names_of_controls() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'same-time'\?"):
        parse_variant("sametime")


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("None", "none"),
        ("series:reduction=16", "cbam"),
        ("cbam:norm_scale=1", "cbam"),
        ("cbam:norm_scale=2", "cbam:norm_scale=2.0"),
        ("cbam:norm_momentum=1e-1:bias=true", "cbam"),
        ("cbam:norm=false:bias=false", "cbam:bias=false:norm=false"),
        ("cbam:where=residual:reduction=8", "cbam:reduction=8:where=residual"),
        ("cbam-official:norm_scale=1.0", "cbam-official:norm_scale=1.0"),
        ("cbam-official:norm_scale=0", "cbam-official"),
        ("eca:kernel_size=3", "eca:kernel_size=3"),
        ("wide", "wide:like=cbam"),
        ("WIDE:like=series:reduction=16", "wide:like=cbam"),
        ("same-time:reduction=8:like=BAM", "same-time:like=bam:reduction=8"),
        ("timm/eca:kernel_size=5", "timm/eca:kernel_size=5"),
    ],
)
def test_canonical_variant_is_one_spelling(typed: str, canonical: str) -> None:
    assert canonicalize_variant(typed) == canonical
    assert canonicalize_variant(canonical) == canonical


def test_keeps_values_of_another_type_than_the_default() -> None:
    assert canonicalize_variant("cbam:bias=1") == "cbam:bias=1"
    assert canonicalize_variant("cbam:reduction=16.0") == "cbam:reduction=16.0"


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("none:reduction=8", "takes no options"),
        ("cbam:reduction", "Write options as name=value"),
        ("cbam:reduction=8:reduction=4", "'reduction' occurs twice"),
        ("cbam:reducton=8", "no option of attention 'cbam' 'reducton'"),
        ("wide:like=none", "no attention module 'none'"),
        ("wide:like=eca:reduction=8", "no option of attention 'eca'"),
    ],
)
def test_refuses_invalid_variants(variant: str, message: str) -> None:
    for parse in parse_variant, canonicalize_variant:
        with pytest.raises(UsageError, match=message):
            parse(variant)


def test_creates_the_registered_class() -> None:
    for name in available():
        module = create(name, 8)
        assert isinstance(module, nn.Module)
        assert type(module) is get_entry(name).factory
