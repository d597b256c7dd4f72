"""Counts of torchinfo on networks of other libraries; every difference follows a rule.

torchinfo multiplies each parameter by the images in the batch, and that of a convolution by its positions too.
So it counts the following, and we do not:

- the bias of a convolution, once per position;
- the bias of a linear layer, once per image;
- scale and shift of a normalization, once per image, as if they were multiply-adds, for maps of any size.

It assumes that a linear layer gets one vector per image: one that gets a map, as in ConvNeXt, or several
vectors, as in CBAM's channel gate, is counted once, and we count every position. A layer that contains layers,
such as a normalization with a gate in it, counts nothing itself; we count nothing for a normalization either.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torchinfo
import torchvision
from torch import nn

from foveal.cost import CostReport, compare_costs
from foveal.models import build_model

BATCH, SHAPE = 2, (3, 224, 224)
NETWORKS = [
    "alexnet", "vgg11_bn", "squeezenet1_1", "resnet18", "resnext50_32x4d", "densenet121",
    "shufflenet_v2_x1_0", "mobilenet_v3_small", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny",
]  # fmt: skip
OURS = ["cbam-official", "bam-official"]  # in a ResNet-18
WIDTHS = (64, 128, 256, 512)
NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)
DOCUMENTED = (
    (Path(__file__).parents[2] / "docs" / "cost.md")
    .read_text(encoding="utf-8")
    .partition("## Comparison with torchinfo")[2]
)
DOCUMENTED_ROWS = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([-\d,]+) \|", DOCUMENTED, re.MULTILINE)


def build_network(name: str) -> nn.Module:
    if name in OURS:
        return build_model("resnet18", image_size=SHAPE[1], attention=name)
    # RegNet computes its widths with tensors, which must have values.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        model: nn.Module = torchvision.models.get_model(name, weights=None)
    return model.to("meta")


@cache
def measure(name: str) -> tuple[nn.Module, CostReport, Any]:
    """Return the network, our report and torchinfo's, for a batch of two."""
    model = build_network(name)
    comparison = compare_costs(
        {"model": model}, SHAPE, batch_size=BATCH, latency=False, device="meta"
    )
    theirs = torchinfo.summary(model, (BATCH, *SHAPE), device="meta", verbose=0)
    return model, comparison.reports["model"], theirs


def compute_difference(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return torchinfo's multiply-adds minus ours for a layer with parameters and its output shape."""
    images = shape[0]
    if isinstance(module, nn.Conv2d):
        height, width = shape[2:]
        return 0 if module.bias is None else module.bias.numel() * images * height * width
    if isinstance(module, nn.Linear):
        positions = torch.Size(shape[1:-1]).numel()
        not_counted = module.weight.numel() * images * (positions - 1)
        return (0 if module.bias is None else module.bias.numel() * images) - not_counted
    assert isinstance(module, NORMALIZATIONS), f"no rule for {type(module).__name__}"
    return 2 * module.weight.numel() * images


@pytest.mark.parametrize("name", NETWORKS + OURS)
def test_every_difference_follows_the_rule(name: str) -> None:
    model, ours, theirs = measure(name)
    assert ours.totals.parameters == theirs.total_params
    assert ours.totals.trainable == theirs.trainable_params
    rows = {layer.name: layer for layer in ours.layers if not layer.is_function}
    names = {module: key for key, module in model.named_modules()}
    total = 0
    for info in theirs.summary_list:
        row = rows[names[info.module]]
        if info.is_leaf_layer and info.num_params:
            assert (row.calls, row.parameters) == (1, info.num_params)
            difference = compute_difference(info.module, row.shapes[0])
            assert info.macs - row.macs == difference, row.name
            total += difference
        elif info.is_leaf_layer:
            assert (row.macs, info.macs) == (0, 0)
    assert theirs.total_mult_adds - ours.totals.macs == total


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        # 2 * 4800 scales and shifts, 1000 biases.
        ("resnet18", 2 * 4800 + 1000),
        # 64, 192, 384, 256, 256 biases at 55x55, 27x27, 13x13, 13x13, 13x13 positions; 4096, 4096, 1000.
        ("alexnet", 64 * 3025 + 192 * 729 + (384 + 256 + 256) * 169 + 4096 + 4096 + 1000),
        # As resnet18 with 10 classes, minus the 2 * 1920 of the normalizations that contain a gate. In the
        # gates, two each of 64 to 512 channels: biases and the normalization of the spatial half, minus one
        # of two runs of the MLP.
        (
            "cbam-official",
            2 * (4800 - 1920) + 10 + 2 * sum(c // 16 + c + 2 - 2 * c * c // 16 for c in WIDTHS),
        ),
    ],
)
def test_difference_by_hand(name: str, difference: int) -> None:
    _, ours, theirs = measure(name)
    assert theirs.total_mult_adds - ours.totals.macs == BATCH * difference


@pytest.mark.parametrize(("name", "row"), list(zip(NETWORKS, DOCUMENTED_ROWS, strict=True)))
def test_documented_differences(name: str, row: tuple[str, str]) -> None:
    _, ours, theirs = measure(name)
    macs, more = ours.totals.macs, theirs.total_mult_adds - ours.totals.macs
    assert (f"{macs // BATCH:,}", f"{more // BATCH:,}") == row
    assert (macs % BATCH, more % BATCH) == (0, 0)
