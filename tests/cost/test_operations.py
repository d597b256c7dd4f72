"""Multiply-adds and element operations of single modules, written out by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.cost import CostReport, measure_cost


def measure_on_meta(model: nn.Module, *shapes: tuple[int, ...], batch_size: int = 1) -> CostReport:
    return measure_cost(model, shapes, batch_size=batch_size, latency=False, device="meta")


class FunctionModule(nn.Module):
    """A function as a module, with a parameter as its last argument if a shape is given."""

    def __init__(self, function: Callable[..., Tensor], *weight: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.zeros(weight)) if weight else None

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs if self.weight is None else (*inputs, self.weight))


# Module, input shapes, and multiply-adds of one image.
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
        FunctionModule(lambda x, w: torch.einsum("nchw,cd->ndhw", x, w), 3, 7),
        [(3, 4, 5)],
        3 * 7 * 4 * 5,
    ),
    "einsum of two inputs": (
        FunctionModule(lambda q, k: torch.einsum("nic,njc->nij", q, k)),
        [(6, 3), (4, 3)],
        6 * 4 * 3,
    ),
    "bmm": (FunctionModule(torch.bmm), [(6, 3), (3, 4)], 6 * 3 * 4),
    "matmul": (FunctionModule(torch.matmul, 3, 4), [(2, 6, 3)], 2 * 6 * 3 * 4),
    "attention": (
        FunctionModule(functional.scaled_dot_product_attention),
        [(2, 6, 4), (2, 5, 4), (2, 5, 3)],
        2 * 6 * 5 * (4 + 3),
    ),
}


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("name", MULTIPLY_ADDS)
def test_multiply_adds(name: str, batch_size: int) -> None:
    module, shapes, expected = MULTIPLY_ADDS[name]
    report = measure_on_meta(module, *shapes, batch_size=batch_size)
    assert report.totals.macs == batch_size * expected
    assert sum(layer.macs for layer in report.layers) == batch_size * expected


def test_layer_called_twice_is_counted_twice() -> None:
    shared = nn.Conv2d(4, 4, 3, padding=1)
    totals = measure_on_meta(nn.Sequential(shared, nn.ReLU(), shared), (4, 5, 7)).totals
    assert totals.macs == 2 * (4 * 4 * 9 * 35)
    assert totals.parameters == 4 * 4 * 9 + 4


# Module, input shapes, and element operations of one image.
ELEMENTS: dict[str, tuple[nn.Module, list[tuple[int, ...]], int]] = {
    "ReLU": (nn.ReLU(), [(4, 3, 5)], 60),
    "ReLU in place": (nn.Sequential(nn.ReLU(), nn.ReLU(inplace=True)), [(4, 3, 5)], 2 * 60),
    "sigmoid": (nn.Sigmoid(), [(4, 3, 5)], 60),
    "add": (FunctionModule(torch.add), [(4, 3, 5), (4, 3, 5)], 60),
    "add with broadcasting": (FunctionModule(torch.add), [(4, 3, 5), (4, 1, 1)], 60),
    "mul with broadcasting": (FunctionModule(torch.mul), [(4, 3, 5), (1, 3, 5)], 60),
    "mean over space": (FunctionModule(lambda x: x.mean((2, 3))), [(4, 3, 5)], 60),
    "mean over channels": (FunctionModule(lambda x: x.mean(1, keepdim=True)), [(4, 3, 5)], 60),
    "max over channels": (FunctionModule(lambda x: x.amax(1, keepdim=True)), [(4, 3, 5)], 60),
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
    "views": (
        FunctionModule(lambda x: x.flatten(1)[:, ::2].unsqueeze(1).transpose(1, 2)),
        [(4, 3)],
        0,
    ),
}


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("name", ELEMENTS)
def test_element_operations(name: str, batch_size: int) -> None:
    module, shapes, expected = ELEMENTS[name]
    totals = measure_on_meta(module, *shapes, batch_size=batch_size).totals
    assert totals.element_operations == batch_size * expected
    assert totals.macs == 0
    assert totals.uncounted == {}


UNCOUNTED: dict[str, tuple[nn.Module, list[tuple[int, ...]], dict[str, int]]] = {
    "cat": (FunctionModule(lambda a, b: torch.cat([a, b], 1)), [(4, 3, 5), (2, 3, 5)], {"cat": 1}),
    "nearest": (nn.Upsample(scale_factor=2), [(4, 3, 5)], {"upsample_nearest2d": 1}),
    "zeros around": (nn.ZeroPad2d(1), [(4, 3, 5)], {"constant_pad_nd": 1}),
    "mirrored": (nn.ReflectionPad2d((1, 2, 1, 1)), [(4, 3, 5)], {"reflection_pad2d": 1}),
    "copied": (FunctionModule(torch.clone), [(4, 3, 5)], {"clone": 1}),
    "two of a kind": (
        nn.Sequential(nn.ZeroPad2d(1), nn.ReplicationPad2d(1), nn.ZeroPad2d(2)),
        [(4, 3, 5)],
        {"constant_pad_nd": 2, "replication_pad2d": 1},
    ),
}


@pytest.mark.parametrize("name", UNCOUNTED)
def test_uncounted_operations_are_named(name: str) -> None:
    module, shapes, expected = UNCOUNTED[name]
    report = measure_on_meta(module, *shapes)
    assert report.totals.uncounted == expected
    assert (report.totals.macs, report.totals.element_operations) == (0, 0)
    told = ", ".join(f"{operation} {calls}" for operation, calls in expected.items())
    assert f"Not counted, in calls: {told}." in str(report)


@pytest.mark.parametrize(("norm", "passes"), [
    (nn.BatchNorm2d(4), 1),
    (nn.BatchNorm2d(4, track_running_stats=False), 2),
    (nn.InstanceNorm2d(4), 2),
])  # fmt: skip
def test_norm_that_computes_statistics_counts_twice(norm: nn.Module, passes: int) -> None:
    totals = measure_on_meta(norm, (4, 3, 5), batch_size=3).totals
    assert totals.element_operations == passes * 3 * 60


def test_products_with_vectors_are_counted() -> None:
    product = FunctionModule(torch.matmul, 5)
    assert measure_on_meta(product, (5,), batch_size=3).totals.macs == 15
