"""The figures of the old study and of one channel gate, exactly; and bytes counted by hand."""

import pytest
from torch import nn

from foveal.attention import create
from foveal.cost import measure_cost
from foveal.cost.conditions import make_setup
from foveal.cost.profiling import profile_operations_on_device, profile_saved_memory
from foveal.cost.torchsummary import (
    compute_corrected_total,
    compute_printed_total,
    list_original_calls,
)
from foveal.kernels import native_kernels
from foveal.models import build_model

MB = 2**20
STATISTICS = 2 * 4 * (32 + 64 + 128)  # mean and deviation of each batch norm, kept in training mode


def test_parameters_of_the_convnet() -> None:
    plain = measure_cost(build_model("convnet"), (3, 32, 32), latency=False)
    series = measure_cost(build_model("convnet", attention="series"), (3, 32, 32), latency=False)
    assert plain.totals.parameters == 2_202_122
    assert series.totals.parameters == 2_205_348
    assert series.baseline is not None
    assert series.baseline.totals == plain.totals


def test_kept_of_the_convnet() -> None:
    found = measure_cost(build_model("convnet"), (3, 32, 32), latency=False).totals
    assert (
        found.saved_bytes - STATISTICS == 647_168
    )  # the 0.647 of 10^6 bytes that the reference measured
    by_hand = 4 * 3 * 32 * 32  # the image
    for channels, side in ((32, 32), (64, 16), (128, 8)):
        whole = channels * side**2
        by_hand += 4 * whole  # what the norm takes
        by_hand += 4 * whole  # what the ReLU gives, which the pool takes
        by_hand += 8 * whole // 4  # the pool's indices
        by_hand += 4 * whole // 4  # what it gives, which the next layer takes
    by_hand += 4 * 1024  # what the last ReLU gives
    assert found.saved_bytes == by_hand + STATISTICS


def test_the_old_convention_compute_corrected_total() -> None:
    assert compute_corrected_total(list_original_calls(cbam=False)) / MB == pytest.approx(
        1.4377, abs=5e-5
    )
    assert compute_corrected_total(list_original_calls(cbam=True)) / MB == pytest.approx(
        2.79, abs=5e-3
    )
    ours = measure_cost(build_model("convnet"), (3, 32, 32), latency=False).totals
    softmax = 2 * 4 * 10  # the old network ended in one
    indices = 2 * 4 * sum(c * s**2 // 4 for c, s in ((32, 32), (64, 16), (128, 8)))
    assert ours.forward_backward_bytes + softmax == compute_corrected_total(
        list_original_calls(cbam=False)
    )
    assert indices > 0  # our pool gives no indices, so that no such row stands in either


def test_what_torchsummary_prints() -> None:
    assert compute_printed_total(list_original_calls(cbam=False)) == 8 * 87_906_284
    assert compute_printed_total(list_original_calls(cbam=True)) == 8 * 87_728_876
    assert f"{compute_printed_total(list_original_calls(cbam=False)) / MB:.2f}" == "670.67"
    assert f"{compute_printed_total(list_original_calls(cbam=True)) / MB:.2f}" == "669.32"


def test_another_tree_prints_the_second_number_too() -> None:
    flat = [row for row in list_original_calls(cbam=True) if row.name != "cbam"]
    nested = [row for row in list_original_calls(cbam=True) if row.name != "channel gate"]
    assert compute_printed_total(iter(flat)) == compute_printed_total(iter(nested))


def test_one_channel_gate() -> None:
    gate = create("channel", 64, reduction=16)
    found = measure_cost(gate, (64, 16, 16), latency=False).totals
    pooled_and_weighed = sum(found.elements[name] for name in ("mean", "max", "mul"))
    assert found.macs == 1024
    assert pooled_and_weighed == 49_152
    # The rest is on vectors: bias and ReLU of two times 4, the sum of two times 64, the sigmoid of 64.
    assert found.element_operations == 49_152 + 8 + 8 + 128 + 64


def test_kept_of_three_layers_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 1, (1, 3)))
    found = measure_cost(model, (2, 7, 9), batch_size=3, latency=False)
    image, middle = 4 * 3 * 2 * 7 * 9, 4 * 3 * 4 * 5 * 7
    assert found.totals.saved_bytes == image + middle
    assert [layer.saved_bytes for layer in found.layers] == [0, image, middle, 0]


@pytest.mark.parametrize("attention", ["none", "parallel", "series"])
@pytest.mark.parametrize("batch_size", [2, 3])
def test_meta_counts_what_a_cpu_does(attention: str, batch_size: int) -> None:
    model = build_model("resnet18", attention=attention, image_size=32)
    on_meta, on_cpu = (
        make_setup(
            (3, 33, 47), batch_size=batch_size, device=device, precision="fp32", channels_last=False
        )
        for device in ("meta", "cpu")
    )
    with native_kernels(False):  # meta has the plain path alone
        assert profile_saved_memory(model, on_meta) == profile_saved_memory(model, on_cpu)
    assert (
        profile_operations_on_device(model, on_meta).tallies
        == profile_operations_on_device(model, on_cpu).tallies
    )
    assert (
        profile_operations_on_device(model, on_meta).stats
        == profile_operations_on_device(model, on_cpu).stats
    )


def test_low_precision_keeps_casts() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    whole = measure_cost(model, (3, 9, 11), latency=False).totals
    half = measure_cost(model, (3, 9, 11), precision="bf16", latency=False).totals
    maps = 3 * 9 * 11 + 8 * 7 * 9
    weights = sum(layer.weight.numel() for layer in model if isinstance(layer, nn.Conv2d))
    assert whole.saved_bytes == 4 * maps
    assert half.saved_bytes == 2 * (maps + weights)
    assert half.macs == whole.macs
