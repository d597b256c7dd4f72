"""The channel MLP by native kernels: same results as PyTorch's layers."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal import kernels
from foveal.attention.mlp import sum_mlp_over_pools
from foveal.kernels.channel_mlp import MAX_WEIGHTS, ChannelMLPFunction
from kernels.comparison import (
    assert_same_for_any_thread_count,
    grad_fn_name,
    requires_native_kernels,
)

pytestmark = requires_native_kernels
NATIVE = "ChannelMLPFunctionBackward"


def make_layers(channels: int, width: int, *, bias: bool, dtype: torch.dtype) -> nn.ModuleList:
    """Return both layers with random weights."""
    torch.manual_seed(channels * width)
    reduce, expand = nn.Linear(channels, width, bias=bias), nn.Linear(width, channels, bias=bias)
    return nn.ModuleList([reduce, expand]).to(dtype)


def run_mlp(layers: nn.ModuleList, pooled: Tensor) -> Tensor:
    reduce, expand = layers
    assert isinstance(reduce, nn.Linear)
    assert isinstance(expand, nn.Linear)
    return sum_mlp_over_pools(reduce, expand, pooled)


def compute_mlp(layers: nn.ModuleList, pooled: Tensor, g: Tensor, *, native: bool) -> list[Tensor]:
    """Return output and all gradients."""
    leaf = pooled.clone(memory_format=torch.preserve_format).requires_grad_()
    with kernels.use("native" if native else "plain"):
        out = run_mlp(layers, leaf)
    assert (grad_fn_name(out) == NATIVE) == native
    return [out.detach(), *torch.autograd.grad(out, [leaf, *layers.parameters()], g)]


@given(
    st.integers(1, 3), st.integers(1, 20), st.integers(1, 70), st.integers(1, 20), st.booleans(), st.booleans()
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_equals_plain_operations(
    pools: int, n: int, channels: int, width: int, bias: bool, pools_first: bool
) -> None:
    generator = torch.Generator().manual_seed(pools * n + channels)
    layers = make_layers(channels, width, bias=bias, dtype=torch.float64)
    pooled = torch.randn((pools, n, channels), generator=generator, dtype=torch.float64)
    pooled = pooled.transpose(0, 1) if pools_first else pooled.transpose(0, 1).contiguous()
    g = torch.randn((n, channels), generator=generator, dtype=torch.float64)
    actual, expected = (compute_mlp(layers, pooled, g, native=native) for native in (True, False))
    for value, expected_value in zip(actual, expected, strict=True):
        torch.testing.assert_close(value, expected_value, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("channels", "width"), [(256, 16), (512, 32)])  # few weights, and many
def test_rounding_errors_are_no_larger_than_pytorchs(channels: int, width: int) -> None:
    assert (channels * width <= MAX_WEIGHTS) == (channels == 256)
    layers = make_layers(channels, width, bias=True, dtype=torch.float32)
    pooled, g = torch.randn(64, 2, channels), torch.randn(64, channels)
    native, plain = (compute_mlp(layers, pooled, g, native=native) for native in (True, False))
    double = copy.deepcopy(layers).double()
    exact = compute_mlp(double, pooled.double(), g.double(), native=False)
    for native_value, plain_value, value in zip(native, plain, exact, strict=True):
        allowed = 3 * (plain_value - value).norm() + 1e-7 * value.norm()
        assert (native_value - value).norm() <= allowed


def test_gradients_equal_finite_differences() -> None:
    layers = make_layers(9, 4, bias=True, dtype=torch.float64)
    pooled = torch.randn(2, 3, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ChannelMLPFunction.apply, (pooled, *layers.parameters()))


def test_same_bits_for_any_thread_count() -> None:
    layers = make_layers(33, 5, bias=True, dtype=torch.float32)
    pooled, g = torch.randn(11, 2, 33), torch.randn(11, 33)
    assert_same_for_any_thread_count(lambda: compute_mlp(layers, pooled, g, native=True))


def test_unsupported_layers_use_plain_operations() -> None:
    class OtherLinear(nn.Linear):
        """A layer that may compute something else."""

    hooked = make_layers(8, 2, bias=True, dtype=torch.float32)
    calls: list[int] = []
    hooked[0].register_forward_hook(lambda *_: calls.append(1))
    for layers, dtype in (
        (hooked, torch.float32),
        (nn.ModuleList([OtherLinear(8, 2), nn.Linear(2, 8)]), torch.float32),
        (make_layers(8, 2, bias=True, dtype=torch.bfloat16), torch.bfloat16),
    ):
        with kernels.use("native"):
            out = run_mlp(layers, torch.randn(3, 2, 8, dtype=dtype))
        assert grad_fn_name(out) == "SumBackward1"
    assert calls == [1]
