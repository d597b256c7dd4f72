"""Parameters and multiply-adds of the published networks, and of single operations written out by hand."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from foveal.cost import CostReport, measure_cost
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


def counted(model: nn.Module, *shapes: tuple[int, ...], batch_size: int = 1) -> CostReport:
    return measure_cost(model, shapes, batch_size=batch_size, latency=False, device="meta")


@cache
def measured(name: str, attention: str, *, early_stride: bool = False) -> CostReport:
    model = build_model(name, num_classes=1000, image_size=SIDE, attention=attention)
    if early_stride:
        move_stride_to_first_convolution(model)
    return counted(model, (3, SIDE, SIDE))


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
    totals = measured(name, attention, early_stride=name == "resnet50").totals
    assert totals.parameters == totals.trainable == parameters
    if giga is not None:
        # All agree to the last place that is printed, which is closer than 0.5 %; nothing else deviates.
        places = len(giga.partition(".")[2])
        assert f"{totals.macs / 1e9:.{places}f}" == giga
        assert totals.macs / 1e9 == pytest.approx(float(giga), rel=0.005)


@pytest.mark.parametrize(
    ("attention", "giga"), [("none", 3.858), ("cbam-official", 3.864), ("bam-official", 3.94)]
)
def test_our_resnet50_takes_more_for_its_stride_in_the_3x3(attention: str, giga: float) -> None:
    ours = measured("resnet50", attention).totals
    theirs = measured("resnet50", attention, early_stride=True).totals
    # Each of three 1x1 convolutions runs at four times the positions: 256 to 128 channels, and so on.
    more = 256 * 128 * (56**2 - 28**2) + 512 * 256 * (28**2 - 14**2) + 1024 * 512 * (14**2 - 7**2)
    assert more == 231_211_008
    assert ours.macs - theirs.macs == more
    assert ours.parameters == theirs.parameters
    assert 1.055 < ours.macs / 1e9 / giga < 1.065


@pytest.mark.parametrize("name", [*BLOCKS, "alexnet", "vgg11_bn", "squeezenet1_1", "convnext_tiny"])
def test_as_torchvision_publishes_with_its_weights(name: str) -> None:
    published = torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta
    if name in BLOCKS:  # ours, and torchvision's has its stride where ours has it
        totals = measured(name, "none").totals
    else:
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None)
        totals = counted(model, (3, SIDE, SIDE)).totals
    assert totals.parameters == published["num_params"]
    assert round(totals.macs / 1e9, 3) == published["_ops"]


def by_cbam(channels: int, positions: int) -> int:
    # Two pooled vectors through an MLP of two layers; a 7x7 convolution of two planes to one.
    return 2 * 2 * channels * (channels // 16) + 2 * 7 * 7 * positions


def by_bam(channels: int, positions: int) -> int:
    # One pooled vector through an MLP of two layers; 1x1, two dilated 3x3, 1x1 to one plane.
    reduced = channels // 16
    convolutions = channels * reduced + 2 * 9 * reduced * reduced + reduced
    return 2 * channels * reduced + positions * convolutions


@pytest.mark.parametrize("attention", ["cbam-official", "bam-official"])
@pytest.mark.parametrize("name", BLOCKS)
def test_what_attention_adds(name: str, attention: str) -> None:
    report = measured(name, attention)
    wanted = []
    for stage, blocks in enumerate(BLOCKS[name]):
        size = (EXPANSION[name] * 64 * 2**stage, (56 // 2**stage) ** 2)
        if attention == "cbam-official":
            wanted += [by_cbam(*size)] * blocks
        elif stage < 3:
            wanted.append(by_bam(*size))
    assert sorted(site.macs for site in report.sites) == sorted(wanted)
    assert report.baseline is not None
    assert report.baseline.totals == measured(name, "none").totals
    assert report.totals.macs - report.baseline.totals.macs == sum(wanted)


class Calling(nn.Module):
    """A function as a module, with a parameter of its own where it takes one."""

    def __init__(self, function: Callable[..., Tensor], *weight: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.zeros(weight)) if weight else None

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs if self.weight is None else (*inputs, self.weight))


# What is measured, its input shapes, and the multiply-adds of one image.
MULTIPLY_ADDS: dict[str, tuple[nn.Module, list[tuple[int, ...]], int]] = {
    "1x1": (nn.Conv2d(3, 5, 1), [(3, 7, 4)], 3 * 5 * 7 * 4),
    "no padding": (nn.Conv2d(3, 5, 3), [(3, 7, 4)], 3 * 5 * 9 * (5 * 2)),
    "stride": (nn.Conv2d(3, 5, 3, stride=2, padding=1), [(3, 9, 6)], 3 * 5 * 9 * (5 * 3)),
    # 9 - 2 * 2 = 5 rows; 10 + 2 * 3 - 3 * 4 = 4, by steps of 2: 2 columns.
    "dilation": (
        nn.Conv2d(3, 5, (3, 5), stride=(1, 2), padding=(0, 3), dilation=(2, 3)),
        [(3, 9, 10)],
        3 * 5 * 15 * (5 * 2),
    ),
    "groups": (nn.Conv2d(8, 12, 3, padding=1, groups=4), [(8, 5, 7)], 2 * 12 * 9 * 35),
    "depthwise": (nn.Conv2d(6, 6, 5, padding=2, groups=6), [(6, 5, 7)], 6 * 25 * 35),
    "Conv1d": (nn.Conv1d(4, 6, 3, stride=2), [(4, 11)], 4 * 6 * 3 * 5),
    "Conv3d": (nn.Conv3d(2, 3, 2), [(2, 4, 3, 5)], 2 * 3 * 8 * (3 * 2 * 4)),
    # Every number of the input meets every weight of its channel.
    "ConvTranspose2d": (
        nn.ConvTranspose2d(4, 6, (3, 2), stride=2, output_padding=1),
        [(4, 5, 7)],
        (4 * 5 * 7) * (6 * 3 * 2),
    ),
    "ConvTranspose2d, groups": (
        nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2),
        [(4, 5, 7)],
        (4 * 5 * 7) * (3 * 3 * 3),
    ),
    "Linear": (nn.Linear(7, 5), [(7,)], 7 * 5),
    "Linear without bias": (nn.Linear(7, 5, bias=False), [(7,)], 7 * 5),
    "Linear on (N, L, C)": (nn.Linear(7, 5), [(6, 7)], 6 * 7 * 5),
    "einsum": (
        Calling(lambda x, w: torch.einsum("nchw,cd->ndhw", x, w), 3, 7),
        [(3, 4, 5)],
        3 * 7 * 4 * 5,
    ),
    "einsum of two inputs": (
        Calling(lambda q, k: torch.einsum("nic,njc->nij", q, k)),
        [(6, 3), (4, 3)],
        6 * 4 * 3,
    ),
    "bmm": (Calling(torch.bmm), [(6, 3), (3, 4)], 6 * 3 * 4),
    "matmul": (Calling(torch.matmul, 3, 4), [(2, 6, 3)], 2 * 6 * 3 * 4),
    "attention": (
        Calling(functional.scaled_dot_product_attention),
        [(2, 6, 4), (2, 5, 4), (2, 5, 3)],
        2 * 6 * 5 * (4 + 3),
    ),
}


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("what", MULTIPLY_ADDS)
def test_multiply_adds(what: str, batch_size: int) -> None:
    module, shapes, wanted = MULTIPLY_ADDS[what]
    report = counted(module, *shapes, batch_size=batch_size)
    assert report.totals.macs == batch_size * wanted
    assert sum(layer.macs for layer in report.layers) == batch_size * wanted


def test_a_layer_called_twice_is_counted_twice() -> None:
    shared = nn.Conv2d(4, 4, 3, padding=1)
    totals = counted(nn.Sequential(shared, nn.ReLU(), shared), (4, 5, 7)).totals
    assert totals.macs == 2 * (4 * 4 * 9 * 35)
    assert totals.parameters == 4 * 4 * 9 + 4


# What is measured, its input shapes, and the element operations of one image.
ELEMENTS: dict[str, tuple[nn.Module, list[tuple[int, ...]], int]] = {
    "ReLU": (nn.ReLU(), [(4, 3, 5)], 60),
    "ReLU in place": (nn.Sequential(nn.ReLU(), nn.ReLU(inplace=True)), [(4, 3, 5)], 2 * 60),
    "sigmoid": (nn.Sigmoid(), [(4, 3, 5)], 60),
    "add": (Calling(torch.add), [(4, 3, 5), (4, 3, 5)], 60),
    "add with broadcasting": (Calling(torch.add), [(4, 3, 5), (4, 1, 1)], 60),
    "mul with broadcasting": (Calling(torch.mul), [(4, 3, 5), (1, 3, 5)], 60),
    "mean over space": (Calling(lambda x: x.mean((2, 3))), [(4, 3, 5)], 60),
    "mean over channels": (Calling(lambda x: x.mean(1, keepdim=True)), [(4, 3, 5)], 60),
    "max over channels": (Calling(lambda x: x.amax(1, keepdim=True)), [(4, 3, 5)], 60),
    "average to 1": (nn.AdaptiveAvgPool2d(1), [(4, 6, 5)], 120),
    "average to 3x2": (nn.AdaptiveAvgPool2d((3, 2)), [(4, 7, 5)], 140),
    "maximum to 1": (nn.AdaptiveMaxPool2d(1), [(4, 6, 5)], 120),
    "maximum to 3x2": (nn.AdaptiveMaxPool2d((3, 2)), [(4, 7, 5)], 140),
    # One an element of the output and position of the window; 7x9 gives 4x5 and 3x8.
    "max pool": (nn.MaxPool2d(3, stride=2, padding=1), [(4, 7, 9)], 9 * (4 * 4 * 5)),
    "average pool": (nn.AvgPool2d((3, 2), stride=(2, 1)), [(4, 7, 9)], 6 * (4 * 3 * 8)),
    "max pool 1d": (nn.MaxPool1d(3, stride=2), [(4, 9)], 3 * (4 * 4)),
    "average pool 1d": (nn.AvgPool1d(3, stride=2), [(4, 9)], 3 * (4 * 4)),
    "max pool 3d": (nn.MaxPool3d(2), [(2, 4, 6, 2)], 8 * (2 * 2 * 3 * 1)),
    "batch norm": (nn.BatchNorm2d(4), [(4, 3, 5)], 60),
    "group norm": (nn.GroupNorm(2, 4), [(4, 3, 5)], 2 * 60),
    "layer norm": (nn.LayerNorm(5), [(4, 3, 5)], 2 * 60),
    "softmax": (nn.Softmax(1), [(4, 3, 5)], 2 * 60),
    "bilinear upsampling": (
        nn.Upsample(scale_factor=2, mode="bilinear"),
        [(4, 3, 5)],
        4 * (4 * 6 * 10),
    ),
    "dropout in eval mode": (nn.Dropout(), [(4, 3, 5)], 0),
    "views": (Calling(lambda x: x.flatten(1)[:, ::2].unsqueeze(1).transpose(1, 2)), [(4, 3)], 0),
}


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("what", ELEMENTS)
def test_element_operations(what: str, batch_size: int) -> None:
    module, shapes, wanted = ELEMENTS[what]
    totals = counted(module, *shapes, batch_size=batch_size).totals
    assert totals.element_operations == batch_size * wanted
    assert totals.macs == 0
    assert totals.uncounted == {}


UNCOUNTED: dict[str, tuple[nn.Module, list[tuple[int, ...]], dict[str, int]]] = {
    "cat": (Calling(lambda a, b: torch.cat([a, b], 1)), [(4, 3, 5), (2, 3, 5)], {"cat": 1}),
    "nearest": (nn.Upsample(scale_factor=2), [(4, 3, 5)], {"upsample_nearest2d": 1}),
    "zeros around": (nn.ZeroPad2d(1), [(4, 3, 5)], {"constant_pad_nd": 1}),
    "mirrored": (nn.ReflectionPad2d((1, 2, 1, 1)), [(4, 3, 5)], {"reflection_pad2d": 1}),
    "copied": (Calling(torch.clone), [(4, 3, 5)], {"clone": 1}),
    "two of a kind": (
        nn.Sequential(nn.ZeroPad2d(1), nn.ReplicationPad2d(1), nn.ZeroPad2d(2)),
        [(4, 3, 5)],
        {"constant_pad_nd": 2, "replication_pad2d": 1},
    ),
}


@pytest.mark.parametrize("what", UNCOUNTED)
def test_what_has_no_count_is_named(what: str) -> None:
    module, shapes, wanted = UNCOUNTED[what]
    report = counted(module, *shapes)
    assert report.totals.uncounted == wanted
    assert (report.totals.macs, report.totals.element_operations) == (0, 0)
    told = ", ".join(f"{name} {calls}" for name, calls in wanted.items())
    assert f"Not counted, in calls: {told}." in str(report)
