"""Kernels over feature maps: the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from attention.gate_contract import features
from foveal.kernels.layout import require_layout
from foveal.kernels.map_kernels import (
    bam_forward,
    compute_bam_logit_grads,
    dot_maps,
    encode_logits,
    pool_map,
)
from kernels.comparison import (
    MEMORY_FORMATS,
    assert_same_for_any_thread_count,
    requires_native_kernels,
)

pytestmark = requires_native_kernels


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_same_bits_for_any_thread_count(memory_format: torch.memory_format) -> None:
    x = features(11, 24, 9, 7).contiguous(memory_format=memory_format)
    layout, g = require_layout(x), x.flip(0)
    channel, position = x.mean((2, 3)), x.mean(1).flatten(1)

    def compute() -> Iterator[Tensor]:
        for over_positions in (True, False):
            pooled = pool_map(x, layout, ("avg", "max"), over_positions=over_positions)
            assert pooled.argmax is not None
            yield from (pooled.values, pooled.argmax)
            yield dot_maps(g, x, layout, over_positions=over_positions)
        logits = encode_logits(channel, position, product=False)
        yield bam_forward(x, layout, *logits)
        yield from compute_bam_logit_grads(g, x, layout, *logits)

    assert_same_for_any_thread_count(compute)
