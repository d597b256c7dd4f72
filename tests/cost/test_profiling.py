"""Bytes saved for backward, counted by hand; equal counts on the meta device and on a CPU."""

import pytest
import torch
from torch import Tensor, nn

from foveal import kernels
from foveal.attention import create
from foveal.cost import measure_cost
from foveal.cost.attribution import FrameTracker
from foveal.cost.conditions import make_setup
from foveal.cost.profiling import (
    profile_operations_on_device,
    profile_saved_memory,
    record_saved_tensors,
)
from foveal.models import build_model

STATISTICS = (
    2 * 4 * (32 + 64 + 128)
)  # mean and deviation of each batch norm, saved in training mode


def test_parameters_of_the_convnet() -> None:
    plain = measure_cost(build_model("convnet"), (3, 32, 32), latency=False)
    cbam = measure_cost(build_model("convnet", attention="cbam"), (3, 32, 32), latency=False)
    assert plain.totals.parameters == 2_202_122
    assert cbam.totals.parameters == 2_205_348
    assert cbam.baseline is not None
    assert cbam.baseline.totals == plain.totals


def test_saved_bytes_of_the_convnet() -> None:
    totals = measure_cost(build_model("convnet"), (3, 32, 32), latency=False).totals
    assert (
        totals.saved_bytes - STATISTICS == 647_168
    )  # 0.647 of 10^6 bytes, measured in the original study
    expected = 4 * 3 * 32 * 32  # the image
    for channels, side in ((32, 32), (64, 16), (128, 8)):
        numel = channels * side**2
        expected += 4 * numel  # input of the batch norm
        expected += 4 * numel  # output of the ReLU, input of the pool
        expected += 8 * numel // 4  # indices of the pool
        expected += 4 * numel // 4  # output of the pool, input of the next layer
    expected += 4 * 1024  # output of the last ReLU
    assert totals.saved_bytes == expected + STATISTICS


def test_operations_of_a_channel_gate() -> None:
    gate = create("channel", 64, reduction=16)
    totals = measure_cost(gate, (64, 16, 16), latency=False).totals
    on_maps = sum(totals.elements[name] for name in ("mean", "max", "mul"))
    assert totals.macs == 1024
    assert on_maps == 49_152
    # The rest is on vectors: bias and ReLU of two times 4, the sum of two times 64, the sigmoid of 64.
    assert totals.element_operations == 49_152 + 8 + 8 + 128 + 64


def test_saved_bytes_of_three_layers() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 1, (1, 3)))
    report = measure_cost(model, (2, 7, 9), batch_size=3, latency=False)
    image, middle = 4 * 3 * 2 * 7 * 9, 4 * 3 * 4 * 5 * 7
    assert report.totals.saved_bytes == image + middle
    assert [layer.saved_bytes for layer in report.layers] == [0, image, middle, 0]


@pytest.mark.parametrize("attention", ["none", "bam", "cbam"])
@pytest.mark.parametrize("batch_size", [2, 3])
def test_counts_on_meta_equal_those_on_a_cpu(attention: str, batch_size: int) -> None:
    model = build_model("resnet18", attention=attention, image_size=32)
    on_meta, on_cpu = (
        make_setup(
            (3, 33, 47), batch_size=batch_size, device=device, precision="fp32", channels_last=False
        )
        for device in ("meta", "cpu")
    )
    with kernels.use("plain"):  # the meta device has plain operations only
        assert profile_saved_memory(model, on_meta) == profile_saved_memory(model, on_cpu)
    meta_counts, cpu_counts = (
        profile_operations_on_device(model, setup) for setup in (on_meta, on_cpu)
    )
    assert meta_counts.tallies == cpu_counts.tallies
    assert meta_counts.stats == cpu_counts.stats


def test_low_precision_saves_casts() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    fp32 = measure_cost(model, (3, 9, 11), latency=False).totals
    bf16 = measure_cost(model, (3, 9, 11), precision="bf16", latency=False).totals
    maps = 3 * 9 * 11 + 8 * 7 * 9
    weights = sum(layer.weight.numel() for layer in model if isinstance(layer, nn.Conv2d))
    assert fp32.saved_bytes == 4 * maps
    assert bf16.saved_bytes == 2 * (maps + weights)
    assert bf16.macs == fp32.macs


def test_frozen_parameters_save_less() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 2))
    trainable = measure_cost(model, (6,), latency=False).totals
    model[0].requires_grad_(False)
    frozen = measure_cost(model, (6,), latency=False).totals
    assert trainable.saved_bytes - frozen.saved_bytes == 4 * 6
    assert (trainable.trainable, frozen.trainable) == (47, 12)


def test_attention_by_heads_saves_what_the_kernel_saves() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(8, 24)

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.project(x).chunk(3, -1)
            return nn.functional.scaled_dot_product_attention(q, k, v)

    totals = measure_cost(Heads(), (2, 64, 8), latency=False).totals
    scores = 4 * 2 * 64 * 64
    assert totals.saved_bytes < scores  # the CPU's kernel never writes the matrix of scores
    assert totals.macs == 2 * 64 * 8 * 24 + 2 * (2 * 64 * 64 * 8)


def test_graph_is_freed() -> None:
    # A sigmoid saves its output.
    model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))
    frames = FrameTracker(model)
    with frames.track(), record_saved_tensors(model, frames) as log:
        output = model(torch.zeros(3, 4))
        assert sum(storage.size for storage in log.list_storages().values()) == 4 * 3 * (4 + 8)
    del output
    assert log.list_storages() == {}
