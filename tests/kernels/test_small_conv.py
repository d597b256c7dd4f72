"""Convolutions of few channels by native kernels: same results as PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal import kernels
from foveal.attention.small_conv import SmallConv2d
from foveal.kernels.autograd import run_autograd_function
from foveal.kernels.small_conv import MAX_CHANNEL_PAIRS, SmallConv2dFunction
from kernels.comparison import (
    CHANNELS_LAST,
    assert_same_for_any_thread_count,
    grad_fn_name,
    requires_native_kernels,
)

pytestmark = requires_native_kernels


def compute_conv(conv: nn.Conv2d, x: Tensor, g: Tensor, *, native: bool) -> list[Tensor]:
    """Return output and gradients."""
    leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
    with kernels.use("native" if native else "plain"):
        out = conv(leaf)
    return [out.detach(), *torch.autograd.grad(out, [leaf, *conv.parameters()], g)]


@given(
    st.integers(1, 19), st.integers(1, 8), st.integers(1, 8), st.integers(1, 20), st.integers(1, 40),
    st.sampled_from([1, 3, 5, 7]), st.integers(1, 4), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_equals_plain_operations(
    n: int,
    inputs: int,
    outputs: int,
    h: int,
    w: int,
    kernel: int,
    dilation: int,
    bias: bool,
    channels_last: bool,
) -> None:
    generator = torch.Generator().manual_seed(n * inputs + h * w)
    conv = SmallConv2d(inputs, outputs, kernel, dilation=dilation, bias=bias).double()
    assert inputs * outputs <= MAX_CHANNEL_PAIRS
    x = torch.randn(n, inputs, h, w, generator=generator, dtype=torch.float64)
    x = x.contiguous(memory_format=CHANNELS_LAST if channels_last else torch.contiguous_format)
    g = torch.randn(n, outputs, h, w, generator=generator, dtype=torch.float64)
    actual, expected = (compute_conv(conv, x, g, native=native) for native in (True, False))
    for value, expected_value in zip(actual, expected, strict=True):
        torch.testing.assert_close(value, expected_value, rtol=1e-11, atol=1e-11)


def test_supports_few_channels_only() -> None:
    x = torch.randn(2, 9, 6, 5, requires_grad=True)
    with kernels.use("native"):
        few = SmallConv2d(7, 9, 3)(x[:, :7].contiguous())
        many = SmallConv2d(9, 9, 3)(x)
    assert grad_fn_name(few) == "SmallConv2dFunctionBackward"
    assert grad_fn_name(many) == "ConvolutionBackward0"


def test_gradients_equal_finite_differences() -> None:
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *tensors: run_autograd_function(SmallConv2dFunction, *tensors, 2), (x, weight, bias)
    )


def test_rounding_errors_are_no_larger_than_pytorchs() -> None:
    conv = SmallConv2d(2, 1, 7, bias=False)
    x, g = torch.randn(32, 2, 30, 21), torch.randn(32, 1, 30, 21)
    native = compute_conv(conv, x, g, native=True)
    plain = compute_conv(conv, x, g, native=False)
    exact = compute_conv(conv.double(), x.double(), g.double(), native=False)
    for native_value, plain_value, value in zip(native, plain, exact, strict=True):
        native_error, plain_error = (
            float((other - value).norm() / value.norm()) for other in (native_value, plain_value)
        )
        assert native_error <= max(3 * plain_error, 2e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_output_has_the_dtype_of_the_weights(dtype: torch.dtype) -> None:
    conv, x = SmallConv2d(2, 1, 3).to(dtype), torch.randn(2, 2, 6, 5).bfloat16()
    assert conv.bias is not None
    exact = nn.functional.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)
    with kernels.use("native"):
        out = conv(x)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), exact, rtol=0.01, atol=0.01)


def test_same_bits_for_any_thread_count() -> None:
    conv, x, g = SmallConv2d(2, 3, 5), torch.randn(11, 2, 9, 7), torch.randn(11, 3, 9, 7)
    assert_same_for_any_thread_count(lambda: compute_conv(conv, x, g, native=True))
