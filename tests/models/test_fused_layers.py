"""Layers that native kernels compute together: hooks still run, and less is saved for backward."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from foveal import kernels
from foveal.models import build_model
from foveal.models.fused_layers import ReLU, run_batch_norm_relu, run_conv_batch_norm_relu
from kernels.comparison import (
    CHANNELS_LAST,
    grad_fn_name,
    randomize_norm,
    requires_native_kernels,
)

pytestmark = requires_native_kernels
NATIVE = "BatchNormReLUFunctionBackward"


def make_norm(channels: int, *, dtype: torch.dtype = torch.float32) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-4, momentum=0.3).to(dtype)
    randomize_norm(norm)
    return norm


def test_gate_after_the_relu_sees_its_output() -> None:
    model = build_model("convnet", attention="channel")
    model.to(memory_format=CHANNELS_LAST)  # type: ignore[call-overload]
    inputs: list[Tensor] = []
    gate = model.get_submodule("blocks.0.relu.attention")
    gate.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    with kernels.use("native"):
        model(torch.randn(4, 3, 32, 32).contiguous(memory_format=CHANNELS_LAST))
    assert grad_fn_name(inputs[0]) == NATIVE
    assert inputs[0].min() == 0 < inputs[0].max()


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_cancels_the_bias_of_the_convolution(training: bool) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 20, 3, padding=1).double()
    images = torch.randn(4, 3, 9, 7, dtype=torch.float64).contiguous(memory_format=CHANNELS_LAST)
    g = torch.randn(4, 20, 9, 7, dtype=torch.float64)
    results: list[dict[str, Tensor]] = []
    for native in (True, False):
        norm = make_norm(20, dtype=torch.float64).train(training)
        with kernels.use("native" if native else "plain"):
            out = run_conv_batch_norm_relu(conv, norm, ReLU(), images)
        weight_grad, bias_grad = torch.autograd.grad(out, list(conv.parameters()), g)
        grads = {"weight gradient": weight_grad, "bias gradient": bias_grad}
        results.append({"out": out.detach(), **grads, **dict(norm.named_buffers())})
        assert (grad_fn_name(out) == NATIVE) == (native and training)
    for name, value in results[1].items():
        torch.testing.assert_close(results[0][name], value, rtol=1e-9, atol=1e-9, msg=name)
    assert (results[0]["bias gradient"] == 0).all() == training


def test_convolution_with_a_hook_is_called() -> None:
    conv = nn.Conv2d(3, 20, 3, padding=1)
    outputs: list[Tensor] = []
    conv.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    images = torch.randn(4, 3, 9, 7).contiguous(memory_format=CHANNELS_LAST)
    with kernels.use("native"):
        out = run_conv_batch_norm_relu(conv, make_norm(20), ReLU(), images)
    assert grad_fn_name(out) == NATIVE
    torch.testing.assert_close(outputs[0], conv._conv_forward(images, conv.weight, conv.bias))


def test_constant_per_channel_is_added_by_plain_operations_as_well() -> None:
    x, offset = torch.randn(2, 20, 6, 5), torch.randn(20)
    expected = make_norm(20)(x + offset[:, None, None]).relu()
    for feature_map in (x, x.contiguous(memory_format=CHANNELS_LAST)):
        with kernels.use("native"):
            actual = run_batch_norm_relu(make_norm(20), ReLU(), feature_map, offset=offset)
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def measure_saved_bytes(attention: str, *, native: bool) -> int:
    """Return the bytes that a ConvNet saves for the backward pass of one batch."""
    model = build_model("convnet", attention=attention)
    model.to(memory_format=CHANNELS_LAST)  # type: ignore[call-overload]
    # `foveal.cost` counts contiguous maps, whose pooling is PyTorch's.
    images = torch.randn(8, 3, 32, 32).contiguous(memory_format=CHANNELS_LAST)
    weights = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
    storages: dict[int, int] = {}

    def record(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        kernels.use("native" if native else "plain"),
        saved_tensors_hooks(record, lambda tensor: tensor),
    ):
        out = model(images)
    assert out.requires_grad
    return sum(storages.values())


def test_output_of_a_gate_before_the_pooling_is_not_saved() -> None:
    baseline = measure_saved_bytes("none", native=True)
    with_gates = measure_saved_bytes("cbam", native=True)
    gate_inputs = 4 * 8 * (32 * 32**2 + 64 * 16**2 + 128 * 8**2)  # bytes, float32
    assert with_gates - baseline < 1.2 * gate_inputs  # the rest is small: pools, logits, weights
    assert baseline < 0.6 * measure_saved_bytes("none", native=False)
    assert with_gates < 0.75 * measure_saved_bytes("cbam", native=False)
    assert with_gates < measure_saved_bytes("none", native=False)
