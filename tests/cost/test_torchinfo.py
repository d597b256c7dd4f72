"""torchinfo as a second opinion on other people's networks, every difference by its rule.

torchinfo multiplies each parameter by the images in the batch, and that of a convolution by its positions
too. So it counts, and we do not:

- the bias of a convolution, once a position;
- the bias of a linear layer, once an image;
- scale and shift of a norm, once an image, as if they were multiply-adds, whatever the size of the map.

And it takes a linear layer for one that gets a vector an image: one that gets a map, as in ConvNeXt, or
several vectors, as in CBAM's channel gate, it counts once, where we count every position. Of a layer that
has layers below it, as a norm with a gate in it, it counts nothing itself; neither do we, of a norm.
"""

import re
from pathlib import Path

import pytest
import torch
import torchinfo
import torchvision
from torch import nn

from foveal.cost import measure_cost
from foveal.models import build_model

BATCH, SHAPE = 2, (3, 64, 96)
NETWORKS = [
    "alexnet", "vgg11_bn", "resnet18", "resnext50_32x4d", "densenet121", "squeezenet1_1",
    "mobilenet_v3_small", "shufflenet_v2_x1_0", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny",
]  # fmt: skip
OURS = ["cbam-official", "bam-official"]  # in a ResNet-18
WIDTHS = (64, 128, 256, 512)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)


def built(name: str) -> nn.Module:
    if name in OURS:
        return build_model("resnet18", image_size=64, attention=name)
    # RegNet computes its widths by tensors, which must have values.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        model: nn.Module = torchvision.models.get_model(name, weights=None)
    return model.to("meta")


def more(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return torchinfo's multiply-adds less ours, of a layer with parameters and the shape of its output."""
    images = shape[0]
    if isinstance(module, nn.Conv2d):
        height, width = shape[2:]
        return 0 if module.bias is None else module.bias.numel() * images * height * width
    if isinstance(module, nn.Linear):
        positions = torch.Size(shape[1:-1]).numel()
        not_seen = module.weight.numel() * images * (positions - 1)
        return (0 if module.bias is None else module.bias.numel() * images) - not_seen
    assert isinstance(module, NORMS), f"no rule for {type(module).__name__}"
    return 2 * module.weight.numel() * images


@pytest.mark.parametrize("name", NETWORKS + OURS)
def test_differences_are_all_by_rule(name: str) -> None:
    model = built(name)
    ours = measure_cost(model, SHAPE, batch_size=BATCH, latency=False, device="meta")
    theirs = torchinfo.summary(model, (BATCH, *SHAPE), device="meta", verbose=0)
    assert ours.totals.parameters == theirs.total_params
    assert ours.totals.trainable == theirs.trainable_params
    rows = {layer.name: layer for layer in ours.layers if not layer.is_function}
    names = {module: key for key, module in model.named_modules()}
    total = 0
    for info in theirs.summary_list:
        row = rows[names[info.module]]
        if info.is_leaf_layer and info.num_params:
            assert (row.calls, row.parameters) == (1, info.num_params)
            difference = more(info.module, row.shapes[0])
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
        # 64, 192, 384, 256, 256 biases at 15x23, 7x11, 3x5, 3x5, 3x5 positions; 4096, 4096, 1000.
        ("alexnet", 64 * 345 + 192 * 77 + (384 + 256 + 256) * 15 + 4096 + 4096 + 1000),
        # As resnet18 with 10 classes, less the 2 * 1920 of the norms that have a gate. In the gates, two each
        # of 64 to 512 channels: biases and the norm of the spatial half, less one of two runs of the MLP.
        (
            "cbam-official",
            2 * (4800 - 1920) + 10 + 2 * sum(c // 16 + c + 2 - 2 * c * c // 16 for c in WIDTHS),
        ),
    ],
)
def test_the_rule_written_out(name: str, difference: int) -> None:
    model = built(name)
    ours = measure_cost(model, SHAPE, latency=False, device="meta").totals.macs
    theirs = torchinfo.summary(model, (1, *SHAPE), device="meta", verbose=0).total_mult_adds
    assert theirs - ours == difference


TABLE = (
    (Path(__file__).parents[2] / "docs" / "cost.md")
    .read_text()
    .partition("## Against torchinfo")[2]
)
NAMES = (
    "alexnet", "vgg11_bn", "squeezenet1_1", "resnet18", "resnext50_32x4d", "densenet121",
    "shufflenet_v2_x1_0", "mobilenet_v3_small", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny",
)  # fmt: skip
ROWS = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([-\d,]+) \|", TABLE, re.MULTILINE)


@pytest.mark.parametrize(("name", "row"), list(zip(NAMES, ROWS, strict=True)))
def test_the_table_of_the_docs(name: str, row: tuple[str, str]) -> None:
    model = built(name)
    ours = measure_cost(model, (3, 224, 224), latency=False, device="meta").totals.macs
    theirs = torchinfo.summary(model, (1, 3, 224, 224), device="meta", verbose=0).total_mult_adds
    assert (f"{ours:,}", f"{theirs - ours:,}") == row
