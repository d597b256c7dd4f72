"""Fused CBAM: same results as its two gates, and only if no replaced or hooked module is skipped."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attention.gate_contract import features, randomized
from foveal import kernels
from foveal.attention import CBAM, ChannelAttention, Gate, create
from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.attention.small_conv import SmallConv2d
from foveal.kernels.constants import PARTS_PER_IMAGE
from kernels.comparison import (
    CHANNELS_LAST,
    MEMORY_FORMATS,
    assert_native_equals_plain,
    compute_gate,
    grad_fn_name,
    requires_native_kernels,
)

pytestmark = requires_native_kernels
FUSED = "FusedCBAMBackward"
OPTIONS_AND_FUSION: list[tuple[dict[str, Any], bool]] = [
    ({}, True), ({"norm": False}, True), ({"bias": False, "pools": "max"}, True),
    ({"planes": "max+avg", "kernel_size": 3, "dilation": 2}, True),
    ({"planes": "avg", "reduction": 1}, True), ({"gate": "hardsigmoid"}, False),
    ({"pools": "avg+lse"}, False), ({"planes": "avg+avg"}, False), ({"order": "spatial-first"}, False),
]  # fmt: skip


@pytest.mark.parametrize("images", [5, PARTS_PER_IMAGE + 1])  # by parts and by whole images
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("options", "is_fused"), OPTIONS_AND_FUSION)
def test_equals_plain_operations_with_any_options(
    options: dict[str, Any], is_fused: bool, training: bool, images: int
) -> None:
    gate, x = CBAM(24, **options).train(training), features(images, 24, 7, 6)
    x, g = x.contiguous(memory_format=CHANNELS_LAST), features(images, 24, 7, 6)
    gates = {native: copy.deepcopy(gate).double() for native in (True, False)}
    actual, expected = (
        compute_gate(gates[native], x.double(), g.double(), native=native)
        | dict(gates[native].named_buffers())
        for native in (True, False)
    )
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(actual[key], value, rtol=1e-9, atol=1e-9, msg=key)
    with kernels.use("native"):
        out = gate(x)
    assert (grad_fn_name(out) == FUSED) == is_fused


def test_equals_plain_operations_with_many_channels() -> None:
    x = features(3, 512, 5, 4).contiguous(memory_format=CHANNELS_LAST)
    assert_native_equals_plain("cbam", randomized("cbam", 512).eval(), x)


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("inner_name", ["channel", "spatial"])
def test_map_replaced_by_a_hook_is_used(
    inner_name: str, memory_format: torch.memory_format
) -> None:
    gate = randomized("cbam", 8).eval()
    inner = gate.get_submodule(inner_name)
    assert isinstance(inner, Gate)
    inner.map_probe.register_forward_hook(lambda _m, _i, attention_map: attention_map.square())
    x = features(2, 8, 5, 4).contiguous(memory_format=memory_format)
    assert_native_equals_plain("cbam", gate, x)


@pytest.mark.parametrize("inner_name", ["channel", "spatial"])
@pytest.mark.parametrize("change", ["replaced", "in place", "backward hook"])
def test_batch_norm_learns_once_if_a_hook_changes_a_map(inner_name: str, change: str) -> None:
    results: list[dict[str, Tensor]] = []
    for native in (True, False):
        gate = randomized("cbam", 8).train()
        inner = gate.get_submodule(inner_name)
        assert isinstance(inner, Gate)
        if change == "replaced":
            inner.map_probe.register_forward_hook(
                lambda _m, _i, attention_map: attention_map.square()
            )
        elif change == "in place":
            inner.map_probe.register_forward_hook(
                lambda _m, _i, attention_map: attention_map.zero_()
            )
        else:
            inner.map_probe.register_full_backward_hook(lambda *_: None)
        with (
            kernels.use("native" if native else "plain"),
            torch.set_grad_enabled(change == "backward hook"),
        ):
            out = gate(features(2, 8, 5, 4)).detach()
        results.append({"out": out, **dict(gate.named_buffers())})
    for key, value in results[1].items():
        torch.testing.assert_close(results[0][key], value, rtol=1e-5, atol=1e-6, msg=key)


def test_gradients_do_not_depend_on_autocast_in_backward() -> None:
    gate, x = randomized("cbam", 512).eval(), features(2, 512, 5, 4)
    grads: list[Tensor] = []
    for autocast_in_backward in (True, False):
        leaf = x.clone().requires_grad_()
        with kernels.use("native"), torch.autocast("cpu", dtype=torch.bfloat16):
            out = gate(leaf)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast_in_backward):
            grads += torch.autograd.grad(out.sum(), leaf)
    assert torch.equal(*grads)


def test_wrong_shapes_and_dtypes_raise_the_usual_errors() -> None:
    x = features(2, 8, 5, 4)
    wrong_mlp = CBAM(8)
    wrong_mlp.channel.expand = nn.Linear(1, 9)
    wrong_conv = CBAM(8)
    wrong_conv.spatial.conv = SmallConv2d(3, 1, 7)
    with kernels.use("native"):
        for gate in (wrong_mlp, wrong_conv, CBAM(8).double()):
            with pytest.raises(RuntimeError):
                gate(x)


def test_is_not_used_for_a_norm_without_weights() -> None:
    gate = CBAM(8)
    gate.spatial.norm = SingleValueBatchNorm2d(1, affine=False)
    with kernels.use("native"):
        out = gate(features(2, 8, 5, 4))
    assert grad_fn_name(out) != FUSED
    assert gate.spatial.norm.num_batches_tracked == 1


def test_calls_gates_of_other_types() -> None:
    class ClosedGate(ChannelAttention):
        """A gate whose attention map is zero."""

        def logits_from_pools(self, pooled: Tensor) -> Tensor:
            return torch.full((len(pooled), pooled.shape[2], 1, 1), -torch.inf)

    x = features(2, 8, 5, 4)
    with_subclass, with_other_gate = CBAM(8), CBAM(8)
    with_subclass.channel = ClosedGate(8)
    with_other_gate.channel = create("eca", 8)  # type: ignore[assignment]
    with kernels.use("native"):
        assert not with_subclass(x).any()
        assert with_other_gate(x).isfinite().all()


def test_calls_layers_of_other_types() -> None:
    gate = CBAM(8)
    gate.channel.reduce = nn.Sequential(gate.channel.reduce, nn.Dropout(0.0))  # type: ignore[assignment]
    with kernels.use("native"):
        assert grad_fn_name(gate(features(2, 8, 5, 4))) != FUSED


def test_is_not_used_for_weights_of_a_tensor_subclass() -> None:
    class OtherTensor(Tensor):
        """A tensor whose values a kernel may not read by address."""

    gate, x = CBAM(8), features(2, 8, 5, 4)
    expected = gate.eval()(x)
    for layer in (gate.channel.expand, gate.spatial.conv):
        weight = layer.weight
        layer.weight = nn.Parameter(weight.detach().as_subclass(OtherTensor))
        with kernels.use("native"):
            out = gate(x)
        assert "FusedCBAM" not in grad_fn_name(out)
        torch.testing.assert_close(out.as_subclass(Tensor), expected, rtol=1e-5, atol=1e-6)
        layer.weight = weight


@pytest.mark.parametrize(
    "inner_name", ["channel", "spatial", "channel.expand", "spatial.conv", "spatial.norm"]
)
@pytest.mark.parametrize("norm", [True, False])
def test_calls_hooks_of_inner_modules(inner_name: str, norm: bool) -> None:
    gate, calls = CBAM(8, norm=norm), list[int]()
    gate.get_submodule(inner_name).register_forward_hook(lambda *_: calls.append(1))
    with kernels.use("native"):
        gate(features(2, 8, 5, 4))
    assert calls == [1]


def test_hooked_gate_gives_the_same_output() -> None:
    gate, x, calls = CBAM(8).eval(), features(2, 8, 5, 4), list[int]()
    gate.channel.register_forward_hook(lambda *_: calls.append(1))
    expected = gate(x)
    assert calls == [1]
    gate.channel._forward_hooks.clear()
    torch.testing.assert_close(gate(x), expected, rtol=1e-6, atol=1e-7)
