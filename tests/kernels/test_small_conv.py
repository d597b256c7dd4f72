"""The convolution of few planes against torch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal.attention.small_conv import SmallConv2d
from foveal.kernels import native_kernels
from foveal.kernels.autograd import apply_function
from foveal.kernels.small_conv import MAX_CHANNEL_PAIRS, SmallConv2dFunction


def outcome(conv: nn.Conv2d, x: Tensor, g: Tensor) -> list[Tensor]:
    """Return output and gradients."""
    taken = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = conv(taken)
    return [out.detach(), *torch.autograd.grad(out, [taken, *conv.parameters()], g)]


@given(
    st.integers(1, 19), st.integers(1, 8), st.integers(1, 8), st.integers(1, 20), st.integers(1, 40),
    st.sampled_from([1, 3, 5, 7]), st.integers(1, 4), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_it_is_that_of_torch(
    n: int,
    inputs: int,
    outputs: int,
    h: int,
    w: int,
    kernel: int,
    dilation: int,
    bias: bool,
    last: bool,
) -> None:
    source = torch.Generator().manual_seed(n * inputs + h * w)
    conv = SmallConv2d(inputs, outputs, kernel, dilation=dilation, bias=bias).double()
    assert inputs * outputs <= MAX_CHANNEL_PAIRS
    x = torch.randn(n, inputs, h, w, generator=source, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    g = torch.randn(n, outputs, h, w, generator=source, dtype=torch.float64)
    with native_kernels(True):
        found = outcome(conv, x, g)
    with native_kernels(False):
        expected = outcome(conv, x, g)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_it_takes_its_own_way_for_few_planes_only() -> None:
    x = torch.randn(2, 9, 6, 5, requires_grad=True)
    with native_kernels(True):
        assert (
            type(SmallConv2d(7, 9, 3)(x[:, :7].contiguous()).grad_fn).__name__
            == "SmallConv2dFunctionBackward"
        )
        assert type(SmallConv2d(9, 9, 3)(x).grad_fn).__name__ == "ConvolutionBackward0"


def test_gradients_are_those_of_finite_differences() -> None:
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *tensors: apply_function(SmallConv2dFunction, *tensors, 2), (x, weight, bias)
    )


def test_rounding_is_no_more_than_that_of_torch() -> None:
    conv, x, g = (
        SmallConv2d(2, 1, 7, bias=False),
        torch.randn(32, 2, 30, 21),
        torch.randn(32, 1, 30, 21),
    )
    with native_kernels(True):
        found = outcome(conv, x, g)
    with native_kernels(False):
        plain = outcome(conv, x, g)
        exact = outcome(conv.double(), x.double(), g.double())
    for mine, theirs, right in zip(found, plain, exact, strict=True):
        errors = [float((one - right).norm() / right.norm()) for one in (mine, theirs)]
        assert errors[0] <= max(3 * errors[1], 2e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_comes_out_has_the_dtype_of_the_weights(dtype: torch.dtype) -> None:
    conv, x = SmallConv2d(2, 1, 3).to(dtype), torch.randn(2, 2, 6, 5).bfloat16()
    exact = nn.functional.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)  # type: ignore[union-attr]
    with native_kernels(True):
        out = conv(x)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), exact, rtol=0.01, atol=0.01)


def test_threads_do_not_change_a_bit() -> None:
    conv, x, g = SmallConv2d(2, 3, 5), torch.randn(11, 2, 9, 7), torch.randn(11, 3, 9, 7)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        with native_kernels(True):
            found.append(outcome(conv, x, g))
    torch.set_num_threads(before)
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))
