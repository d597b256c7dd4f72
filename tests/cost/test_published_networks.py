"""Parameters and multiply-adds of published networks."""

from functools import cache

import pytest
import torch
import torchvision
from torch import nn

from foveal.cost import CostReport, compare_costs, measure_cost
from foveal.models import build_model

SIDE = 224
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
EXPANSION = {"resnet18": 1, "resnet34": 1, "resnet50": 4}

# Network, attention, parameters, and 10^9 multiply-adds as the papers print them: those with three decimals
# from the ImageNet table of the CBAM paper, those with two from that of the BAM paper, which has no ResNet-34.
PUBLISHED = [
    ("resnet18", "none", 11_689_512, "1.814"),
    ("resnet18", "cbam-official", 11_779_392, "1.815"),
    ("resnet18", "bam-official", 11_712_503, "1.82"),
    ("resnet34", "none", 21_797_672, "3.664"),
    ("resnet34", "cbam-official", 21_960_468, "3.665"),
    ("resnet34", "bam-official", 21_820_663, None),
    ("resnet50", "none", 25_557_032, "3.858"),
    ("resnet50", "cbam-official", 28_089_624, "3.864"),
    ("resnet50", "bam-official", 25_915_099, "3.94"),
]


def measure_alone(model: nn.Module) -> CostReport:
    """Return the report without that of the network without gates."""
    return compare_costs(
        {"model": model}, (3, SIDE, SIDE), latency=False, device="meta"
    ).reports["model"]  # fmt: skip


@cache
def measure_resnet(name: str, attention: str, *, early_stride: bool = False) -> CostReport:
    model = build_model(name, num_classes=1000, image_size=SIDE, attention=attention)
    if early_stride:
        move_stride_to_first_convolution(model)
    return measure_alone(model)


def move_stride_to_first_convolution(model: nn.Module) -> None:
    # The first form of the bottleneck halves the size in its first 1x1 convolution, as the papers count it.
    # Ours does so in the 3x3, as torchvision's does ("v1.5"), and so its first 1x1 runs at the larger size.
    for stage in ("layer2", "layer3", "layer4"):
        for name, stride in (("conv1", 2), ("conv2", 1)):
            convolution = model.get_submodule(f"{stage}.0.{name}")
            assert isinstance(convolution, nn.Conv2d)
            assert convolution.stride == (3 - stride, 3 - stride)
            convolution.stride = (stride, stride)


@pytest.mark.parametrize(("name", "attention", "parameters", "giga"), PUBLISHED)
def test_published_networks(name: str, attention: str, parameters: int, giga: str | None) -> None:
    totals = measure_resnet(name, attention, early_stride=name == "resnet50").totals
    assert totals.parameters == totals.trainable == parameters
    if giga is not None:
        # All agree to the last place that is printed, which is closer than 0.5 %; nothing else deviates.
        places = len(giga.partition(".")[2])
        assert f"{totals.macs / 1e9:.{places}f}" == giga
        assert totals.macs / 1e9 == pytest.approx(float(giga), rel=0.005)


@pytest.mark.parametrize(
    ("attention", "giga"), [("none", 3.858), ("cbam-official", 3.864), ("bam-official", 3.94)]
)
def test_our_resnet50_has_more_macs_because_of_its_stride(attention: str, giga: float) -> None:
    ours = measure_resnet("resnet50", attention).totals
    theirs = measure_resnet("resnet50", attention, early_stride=True).totals
    # Each of three 1x1 convolutions runs at four times the positions: 256 to 128 channels, and so on.
    more = 256 * 128 * (56**2 - 28**2) + 512 * 256 * (28**2 - 14**2) + 1024 * 512 * (14**2 - 7**2)
    assert more == 231_211_008
    assert ours.macs - theirs.macs == more
    assert ours.parameters == theirs.parameters
    assert 1.055 < ours.macs / 1e9 / giga < 1.065


@pytest.mark.parametrize("name", [*BLOCKS, "alexnet", "vgg11_bn", "squeezenet1_1", "convnext_tiny"])
def test_counts_published_by_torchvision(name: str) -> None:
    published = torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta
    if name in BLOCKS:  # ours, and torchvision's has its stride where ours has it
        totals = measure_resnet(name, "none").totals
    else:
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None)
        totals = measure_alone(model).totals
    assert totals.parameters == published["num_params"]
    assert round(totals.macs / 1e9, 3) == published["_ops"]


def count_cbam_macs(channels: int, positions: int) -> int:
    # Two pooled vectors through an MLP of two layers; a 7x7 convolution of two planes to one.
    return 2 * 2 * channels * (channels // 16) + 2 * 7 * 7 * positions


def count_bam_macs(channels: int, positions: int) -> int:
    # One pooled vector through an MLP of two layers; 1x1, two dilated 3x3, 1x1 to one plane.
    reduced = channels // 16
    convolutions = channels * reduced + 2 * 9 * reduced * reduced + reduced
    return 2 * channels * reduced + positions * convolutions


@pytest.mark.parametrize("attention", ["cbam-official", "bam-official"])
@pytest.mark.parametrize("name", BLOCKS)
def test_macs_of_attention(name: str, attention: str) -> None:
    report = measure_resnet(name, attention)
    expected = []
    for stage, blocks in enumerate(BLOCKS[name]):
        size = (EXPANSION[name] * 64 * 2**stage, (56 // 2**stage) ** 2)
        if attention == "cbam-official":
            expected += [count_cbam_macs(*size)] * blocks
        elif stage < 3:
            expected.append(count_bam_macs(*size))
    assert sorted(site.macs for site in report.sites) == sorted(expected)
    baseline = measure_resnet(name, "none").totals
    assert report.totals.macs - baseline.macs == sum(expected)


@pytest.mark.parametrize("attention", ["cbam-official", "bam-official"])
def test_network_without_its_gates_costs_as_the_plain_one(attention: str) -> None:
    model = build_model("resnet18", num_classes=1000, image_size=SIDE, attention=attention)
    report = measure_cost(model, (3, SIDE, SIDE), latency=False, device="meta")
    assert report.baseline is not None
    assert report.baseline.totals == measure_resnet("resnet18", "none").totals
