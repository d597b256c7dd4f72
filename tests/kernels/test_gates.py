"""Gates by native kernels: same results as plain operations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from attention.gate_contract import SHAPES, features, randomized
from foveal import kernels
from foveal.attention import Gate, available, create
from kernels.comparison import (
    MEMORY_FORMATS,
    POOLED_GATES,
    assert_native_equals_plain,
    assert_same_for_any_thread_count,
    compute_gate,
    relative_error,
    requires_native_kernels,
)

pytestmark = requires_native_kernels


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("name", available())
def test_equals_plain_operations(name: str, memory_format: torch.memory_format) -> None:
    for shape in SHAPES:
        x = features(*shape).contiguous(memory_format=memory_format)
        assert_native_equals_plain(name, randomized(name, shape[1]).eval(), x)


@given(
    st.sampled_from(POOLED_GATES), st.sampled_from(MEMORY_FORMATS), st.integers(2, 12),
    st.integers(2, 70), st.integers(1, 9), st.integers(2, 40), st.booleans(), st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_equals_plain_operations_for_any_shape(
    name: str,
    memory_format: torch.memory_format,
    n: int,
    c: int,
    h: int,
    w: int,
    relu: bool,
    seed: int,
) -> None:
    x = torch.randn((n, c, h, w), generator=torch.Generator().manual_seed(seed))
    x = (x.relu() if relu else x).contiguous(memory_format=memory_format)
    assert_native_equals_plain(name, randomized(name, c).eval(), x)


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("name", POOLED_GATES)
def test_gradients_equal_finite_differences(name: str, memory_format: torch.memory_format) -> None:
    gate = randomized(name, 6).double().eval()
    x = features(2, 6, 5, 4).double().contiguous(memory_format=memory_format).requires_grad_()
    with kernels.use("native"):
        assert torch.autograd.gradcheck(gate, (x,))


@pytest.mark.parametrize("name", ["channel", "spatial", "cbam"])
def test_same_one_of_equal_maxima_gets_the_gradient(name: str) -> None:
    gate = randomized(name, 8).eval()
    for memory_format in MEMORY_FORMATS:
        x = torch.randint(0, 3, (2, 8, 6, 5), generator=torch.Generator().manual_seed(0)).float()
        assert_native_equals_plain(name, gate, x.contiguous(memory_format=memory_format))
        zeros = torch.zeros(2, 8, 6, 5).contiguous(memory_format=memory_format)
        assert_native_equals_plain(name, gate, zeros)


@pytest.mark.parametrize("name", POOLED_GATES)
def test_bfloat16_errors_are_rounding_errors(name: str) -> None:
    gate = randomized(name, 12).eval()
    for memory_format in MEMORY_FORMATS:
        x = features(3, 12, 7, 6).contiguous(memory_format=memory_format)
        exact = compute_gate(gate, x, torch.ones_like(x), native=False)
        low = x.bfloat16().requires_grad_()
        with kernels.use("native"), torch.autocast("cpu", dtype=torch.bfloat16):
            out = gate(low)
        out.sum().backward()
        assert out.dtype == torch.bfloat16
        assert low.grad is not None
        assert relative_error(out.detach().float(), exact["output"]) < 0.02
        assert relative_error(low.grad.float(), exact["input"]) < 0.03


@pytest.mark.parametrize("name", POOLED_GATES)
def test_accepts_bfloat16_weights_under_autocast(name: str) -> None:
    gate, x = randomized(name, 12).eval(), features(3, 12, 7, 6)
    exact = compute_gate(gate, x, torch.ones_like(x), native=False)["output"]
    with kernels.use("native"), torch.autocast("cpu", dtype=torch.bfloat16):
        out = gate.bfloat16()(x.bfloat16())
    assert relative_error(out.detach().float(), exact) < 0.02


@pytest.mark.parametrize("name", POOLED_GATES)
def test_preserves_nan(name: str) -> None:
    x = features(2, 8, 5, 4)
    x[1, 3, 2, 1] = torch.nan
    with kernels.use("native"):
        out = randomized(name, 8).eval()(x)
    assert out[0].isfinite().all()
    assert out[1].isnan().any()


@pytest.mark.parametrize("name", ["channel", "spatial", "cbam", "se", "eca", "bam", "bam-official"])
def test_saves_only_the_input_of_all_map_sized_tensors(name: str) -> None:
    gate, x = create(name, 16), features(4, 16, 12, 10).requires_grad_()
    saved: set[int] = set()

    def record(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().nbytes() >= x.untyped_storage().nbytes():
            saved.add(tensor.untyped_storage().data_ptr())
        return tensor

    with kernels.use("native"), saved_tensors_hooks(record, lambda tensor: tensor):
        out = gate(x)
    assert saved == {x.untyped_storage().data_ptr()}
    assert out.shape == x.shape


@pytest.mark.parametrize(
    ("name", "inner_name"),
    [("channel", ""), ("spatial", ""), ("cbam", "channel"), ("cbam", "spatial")],
)
def test_attention_map_alone_has_gradients(name: str, inner_name: str) -> None:
    gate = create(name, 6).double().eval()
    inner = gate.get_submodule(inner_name)
    assert isinstance(inner, Gate)
    grads: list[Tensor] = []
    for native in (True, False):
        x = features(2, 6, 5, 4).double().requires_grad_()
        maps: list[Tensor] = []
        handle = inner.map_probe.register_forward_hook(lambda _m, _i, out, to=maps: to.append(out))
        with kernels.use("native" if native else "plain"):
            gate(x)
        handle.remove()
        grads += torch.autograd.grad(maps[0].pow(2).sum(), x)
    torch.testing.assert_close(*grads)


def test_same_bits_for_any_thread_count() -> None:
    gate, x = randomized("cbam", 16).eval(), features(3, 16, 9, 7)
    assert_same_for_any_thread_count(lambda: [gate(x)])


def test_pooled_gates_are_registered() -> None:
    assert set(POOLED_GATES) <= set(available())
