"""BAM by native kernels: hooks on its attention map, and logits of any size."""

from __future__ import annotations

import pytest
import torch

from attention.gate_contract import features, randomized
from foveal import kernels
from foveal.attention import Gate, capture_maps
from foveal.kernels.layout import require_layout
from foveal.kernels.map_kernels import bam_forward, encode_logits
from kernels.comparison import (
    MEMORY_FORMATS,
    assert_native_equals_plain,
    requires_native_kernels,
)

pytestmark = requires_native_kernels


def test_capturing_the_map_changes_nothing() -> None:
    gate, x = randomized("bam", 8).eval(), features(2, 8, 5, 4)
    with kernels.use("native"):
        expected = gate(x)
        with capture_maps(gate) as maps:
            assert torch.equal(gate(x), expected)
    assert maps[""].shape == x.shape


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_map_replaced_by_a_hook_is_used(memory_format: torch.memory_format) -> None:
    for name in ("bam", "bam-official"):
        gate = randomized(name, 8).eval()
        assert isinstance(gate, Gate)
        gate.map_probe.register_forward_hook(lambda _m, _i, attention_map: attention_map.square())
        x = features(2, 8, 5, 4).contiguous(memory_format=memory_format)
        assert_native_equals_plain(name, gate, x)


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("size", [1.0, 30.0, 60.0, 1000.0])
def test_accuracy_does_not_depend_on_the_size_of_logits(
    size: float, memory_format: torch.memory_format
) -> None:
    x = features(3, 21, 6, 7).contiguous(memory_format=memory_format)
    generator = torch.Generator().manual_seed(0)
    channel = size * torch.randn(3, 21, generator=generator)
    position = size * torch.randn(3, 42, generator=generator)
    exact_channel = channel[:, :, None, None].double()
    exact_position = position.view(3, 1, 6, 7).double()
    for product in (False, True):
        logits = exact_channel * exact_position if product else exact_channel + exact_position
        encoded = encode_logits(channel, position, product=product)
        out = bam_forward(x, require_layout(x), *encoded)
        expected = x.double() * (1 + logits.sigmoid())
        error = (out.double() - expected).abs().max() / expected.abs().max()
        assert error < (1e-6 if size <= 30 else 1e-5)  # the sum of large logits is rounded itself
