# mypy: disable-error-code="no-untyped-call"
"""Gradients of gradients, batches of gradients, forward mode and transforms of networks with native kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.function import BackwardCFunction
from torch.autograd.functional import hessian, hvp, jacobian
from torch.func import functional_call

from attention.gate_contract import features, randomized
from foveal import kernels
from foveal.attention import available
from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.attention.mlp import sum_mlp_over_pools
from foveal.attention.small_conv import SmallConv2d
from foveal.kernels import apply_small_conv
from foveal.models import ConvNet, insert
from foveal.models.fused_layers import MaxPool2x2, ReLU, run_conv_batch_norm_relu
from kernels.comparison import (
    CHANNELS_LAST,
    POOLED_GATES,
    randomize_norm,
    relative_error,
    requires_native_kernels,
)

pytestmark = [
    requires_native_kernels,
    # torch 2.13 warns about its own use of deprecated features in forward mode.
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning"),
]


class ChannelMLP(nn.Module):
    """The MLP of channel attention; the pools of a map (N, C, H, W) are its columns."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Linear(3, 2), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return sum_mlp_over_pools(self.reduce, self.expand, x.flatten(2).transpose(1, 2))


class ConvNormReLU(nn.Module):
    """The first three layers of a block of the ConvNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
        self.relu = ReLU()
        randomize_norm(self.norm)

    def forward(self, x: Tensor) -> Tensor:
        return run_conv_batch_norm_relu(self.conv, self.norm, self.relu, x)


def make_small_norm() -> nn.Module:
    norm = SingleValueBatchNorm2d(3)
    randomize_norm(norm)
    return norm


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "channel MLP": ChannelMLP,
    "small convolution": lambda: SmallConv2d(3, 2, 3, dilation=2),
    "small batch norm": make_small_norm,
    "batch norm and ReLU": ConvNormReLU,
    "max pool": MaxPool2x2,
}


def make_module(name: str) -> nn.Module:
    """Return a layer in training or a gate in eval mode, for maps with three channels, in float64."""
    torch.manual_seed(0)
    if name in LAYERS:
        return LAYERS[name]().double().train()
    return randomized(name, 3).double().eval()


def uses_kernels(out: Tensor) -> bool:
    """Return True if an autograd function written in Python is on the way to `out`."""
    nodes, seen = list[Any]([out.grad_fn]), set[object]()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, BackwardCFunction):
            return True
        seen.add(node)
        nodes += [following for following, _ in node.next_functions]
    return False


CASES = [
    *((name, CHANNELS_LAST, True) for name in LAYERS),
    *((name, torch.contiguous_format, True) for name in POOLED_GATES),
    *((name, CHANNELS_LAST, False) for name in POOLED_GATES),
]
"""Module, memory format, and whether the module is in training."""


@pytest.mark.parametrize(("name", "memory_format", "training"), CASES)
def test_gradients_of_gradients_equal_finite_differences(
    name: str, memory_format: torch.memory_format, training: bool
) -> None:
    module = make_module(name).train(training)
    names = [key for key, _ in module.named_parameters()]

    def function(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = functional_call(module, dict(zip(names, parameters, strict=True)), (x,))
        return out

    x = features(3, 3, 4, 3).double().contiguous(memory_format=memory_format).requires_grad_()
    inputs = (x, *(value.detach().requires_grad_() for value in module.parameters()))
    with kernels.use("native"):
        assert uses_kernels(function(*inputs))
        assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize(("name", "memory_format", "training"), CASES)
def test_gradients_are_the_same_with_a_graph(
    name: str, memory_format: torch.memory_format, training: bool
) -> None:
    module = make_module(name).train(training)
    x = features(4, 3, 5, 4).double().contiguous(memory_format=memory_format).requires_grad_()
    with kernels.use("native"):
        out = module(x)
    g = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).double()
    inputs = [x, *module.parameters()]
    expected = torch.autograd.grad(out, inputs, g, retain_graph=True)
    actual = torch.autograd.grad(out, inputs, g, create_graph=True)
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-11)


def test_inputs_may_depend_on_each_other() -> None:
    x = features(2, 2, 5, 4).double().requires_grad_()
    weight = x[:1, :, :3, :3].tanh()
    with kernels.use("native"):
        out = apply_small_conv(x, weight, None, 1)
    assert uses_kernels(out)
    expected = nn.functional.conv2d(x, weight, padding=1)
    grads = [torch.autograd.grad(y.sum(), x, create_graph=True)[0] for y in (out, expected)]
    torch.testing.assert_close(*grads)
    second_grads = [torch.autograd.grad(g.square().sum(), x, retain_graph=True) for g in grads]
    torch.testing.assert_close(*second_grads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", POOLED_GATES)
def test_gradients_of_gradients_do_not_depend_on_autocast_in_backward(
    name: str, dtype: torch.dtype
) -> None:
    exact = compute_penalty(name, torch.float64, autocast=False)
    tolerance = 1e-3 if dtype == torch.float32 else 0.03
    for autocast_in_backward in (True, False):
        penalty = compute_penalty(
            name, dtype, autocast=True, autocast_in_backward=autocast_in_backward
        )
        for value, expected in zip(penalty, exact, strict=True):
            assert relative_error(value.double(), expected) < tolerance


def compute_penalty(
    name: str, dtype: torch.dtype, *, autocast: bool, autocast_in_backward: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the squared norm of a gradient, and its gradient."""
    gate = randomized(name, 12).eval().to(torch.float32 if autocast else dtype)
    x = features(2, 12, 6, 5).to(dtype).requires_grad_()
    with kernels.use("native"), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = gate(x).square().sum()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast_in_backward):
        (grad,) = torch.autograd.grad(loss, x, create_graph=True)
    penalty = grad.square().sum()
    (penalty_grad,) = torch.autograd.grad(penalty, x)
    assert grad.dtype == penalty_grad.dtype == dtype
    return penalty.detach(), penalty_grad


def make_network(name: str) -> nn.Module:
    """Return a gate for three channels, or a tiny ConvNet, in eval mode and float64."""
    if name != "convnet":
        return make_module(name)
    torch.manual_seed(0)
    return ConvNet(4, 3, 8, widening=1 / 16).double().eval()


@pytest.mark.parametrize("name", ["convnet", *available()])
def test_every_kind_of_derivative_equals_plain_operations(name: str) -> None:
    network, shape = make_network(name), (2, 3, 9, 8) if name == "convnet" else (2, 3, 3, 2)
    x = features(*shape).double().contiguous(memory_format=CHANNELS_LAST)
    v = torch.randn(shape, generator=torch.Generator().manual_seed(3)).double()

    def loss(x: Tensor) -> Tensor:
        return torch.tanh(network(x)).square().sum()

    with kernels.use("plain"):
        first = jacobian(network, x)
        second = hvp(loss, x, v)[1]
        gradient = jacobian(loss, x)
    tangent = torch.tensordot(first, v, dims=4)

    with kernels.use("native"):
        leaf = x.clone().requires_grad_()
        out = network(leaf)
        basis = torch.eye(out.numel()).double().view(-1, *out.shape)
        batch = torch.autograd.grad(out, leaf, basis, retain_graph=True, is_grads_batched=True)[0]
        torch.testing.assert_close(batch.view(first.shape), first)
        batch = torch.func.vmap(
            lambda g: torch.autograd.grad(out, leaf, g, retain_graph=True, create_graph=True)[0]
        )(basis)
        torch.testing.assert_close(batch.view(first.shape), first)
        torch.testing.assert_close(hvp(loss, x, v)[1], second)
        torch.testing.assert_close(jacobian(network, x, vectorize=True), first)
        if (
            name != "convnet"
        ):  # PyTorch has no batching rule for forward mode through its max pooling
            in_forward_mode = jacobian(network, x, vectorize=True, strategy="forward-mode")
            torch.testing.assert_close(in_forward_mode, first)
        with forward_ad.dual_level():
            dual = network(forward_ad.make_dual(x, v))
            torch.testing.assert_close(forward_ad.unpack_dual(dual).tangent, tangent)
            # Forward mode over a backward pass whose forward pass had no tangents.
            (grad,) = torch.autograd.grad(
                out, leaf, forward_ad.make_dual(out.detach(), out.detach())
            )
            primal, grad_tangent = forward_ad.unpack_dual(grad)
            torch.testing.assert_close(grad_tangent, primal)
        torch.testing.assert_close(torch.func.jvp(network, (x,), (v,))[1], tangent)
        torch.testing.assert_close(torch.func.grad(loss)(x), gradient)
        torch.testing.assert_close(torch.func.jacrev(network)(x), first)
        torch.testing.assert_close(torch.func.jvp(torch.func.grad(loss), (x,), (v,))[1], second)
        per_image = torch.func.vmap(network)(x[:, None]).flatten(0, 1)
        torch.testing.assert_close(per_image, network(x))


@pytest.mark.parametrize("name", ["cbam", "bam", "simam"])
def test_hessians_equal_plain_operations(name: str) -> None:
    network, x = make_network(name), features(2, 3, 3, 2).double()

    def loss(x: Tensor) -> Tensor:
        return torch.tanh(network(x)).square().sum()

    with kernels.use("plain"):
        expected = hessian(loss, x)
    with kernels.use("native"):
        torch.testing.assert_close(hessian(loss, x, vectorize=True), expected)
        torch.testing.assert_close(torch.func.hessian(loss)(x), expected)
        forward_over_reverse = hessian(
            loss, x, vectorize=True, outer_jacobian_strategy="forward-mode"
        )
        torch.testing.assert_close(forward_over_reverse, expected)


@pytest.mark.parametrize("attention", ["none", "cbam", "bam"])
def test_gradient_penalty_of_a_network_in_training_equals_plain_operations(attention: str) -> None:
    results: list[list[Tensor]] = []
    for native in (True, False):
        torch.manual_seed(0)
        network = ConvNet(4, 3, 8, widening=1 / 4).double()
        if attention != "none":
            insert(network, attention)
        x = features(4, 3, 9, 8).double().contiguous(memory_format=CHANNELS_LAST).requires_grad_()
        with kernels.use("native" if native else "plain"):
            out = network(x)
            assert uses_kernels(out) == native
            (grad,) = torch.autograd.grad(out.logsumexp(1).sum(), x, create_graph=True)
            penalty = (grad.flatten(1).norm(dim=1) - 1).square().sum() + out.square().sum()
            penalty.backward()
        results.append(
            [penalty.detach(), *(p.grad for p in network.parameters() if p.grad is not None)]
        )
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)
