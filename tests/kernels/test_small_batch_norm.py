"""Batch norm of few channels by native kernels: same results as PyTorch's."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal import kernels
from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.kernels.autograd import run_autograd_function
from foveal.kernels.small_batch_norm import SmallBatchNormFunction
from kernels.comparison import (
    CHANNELS_LAST,
    PERMUTATIONS,
    assert_same_for_any_thread_count,
    grad_fn_name,
    permute_values,
    randomize_norm,
    requires_native_kernels,
)

pytestmark = requires_native_kernels
NATIVE = "SmallBatchNormFunctionBackward"


def make_norm(channels: int, dtype: torch.dtype) -> SingleValueBatchNorm2d:
    norm = SingleValueBatchNorm2d(channels, eps=1e-4, momentum=0.3).to(dtype)
    randomize_norm(norm, seed=channels)
    return norm


def compute_norm(norm: nn.Module, x: Tensor, g: Tensor, *, native: bool) -> list[Tensor]:
    """Return output, gradients, and the running statistics afterwards, without changing the norm."""
    norm, leaf = copy.deepcopy(norm), x.clone().requires_grad_()
    with kernels.use("native" if native else "plain"):
        out = norm(leaf)
    grads = torch.autograd.grad(out, [leaf, *norm.parameters()], g)
    return [out.detach(), *grads, *norm.buffers()]


@given(
    st.integers(1, 9), st.integers(1, 5), st.integers(1, 20), st.integers(1, 20),
    st.sampled_from([0.0, 100.0]), st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_equals_plain_operations(
    n: int, c: int, h: int, w: int, offset: float, channels_last: bool
) -> None:
    n = n if n * h * w > 8 else 9  # the gradient of fewer values is mostly rounding error
    generator = torch.Generator().manual_seed(n * c + h * w)
    x = torch.randn((n, c, h, w), generator=generator, dtype=torch.float64) + offset
    x = x.contiguous(memory_format=CHANNELS_LAST if channels_last else torch.contiguous_format)
    g = torch.randn((n, c, h, w), generator=generator, dtype=torch.float64)
    norm = make_norm(c, torch.float64)
    with kernels.use("native"):
        assert grad_fn_name(copy.deepcopy(norm)(x)) == NATIVE
    actual, expected = (compute_norm(norm, x, g, native=native) for native in (True, False))
    for value, expected_value in zip(actual, expected, strict=True):
        torch.testing.assert_close(value, expected_value, rtol=1e-9, atol=1e-9)


def test_rounding_errors_are_no_larger_than_pytorchs() -> None:
    """Sums of one channel are single numbers: one of them may be exact by luck, their mean is not."""
    x, g = torch.randn(32, 1, 30, 21) + 3, torch.randn(32, 1, 30, 21)
    norm = make_norm(1, torch.float32)
    double = copy.deepcopy(norm).double()
    squares = torch.zeros(2, 7, dtype=torch.float64)
    for k in range(PERMUTATIONS):
        pair = permute_values(x, k), permute_values(g, k + PERMUTATIONS)
        exact = compute_norm(double, *(value.double() for value in pair), native=False)
        for i, native in enumerate((True, False)):
            values = compute_norm(norm, *pair, native=native)
            for j, (value, exact_value) in enumerate(zip(values, exact, strict=True)):
                squares[i, j] += (value - exact_value).square().sum()
    native_errors, plain_errors = squares.sqrt()
    assert (native_errors <= 3 * plain_errors).all()


def test_gradients_equal_finite_differences() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    norm = make_norm(3, torch.float64)
    options = (norm.running_mean, norm.running_var, 0.1, 1e-5)
    assert torch.autograd.gradcheck(
        lambda *tensors: run_autograd_function(SmallBatchNormFunction, *tensors, *options),
        (x, norm.weight, norm.bias),
    )


def test_same_bits_for_any_thread_count() -> None:
    x, g = torch.randn(11, 2, 9, 7), torch.randn(11, 2, 9, 7)
    norm = make_norm(2, torch.float32)
    assert_same_for_any_thread_count(lambda: compute_norm(norm, x, g, native=True))


def test_unsupported_norms_use_plain_operations() -> None:
    norm = make_norm(1, torch.float32)
    with kernels.use("native"):
        for other_norm, x in (
            (make_norm(1, torch.float32).eval(), torch.randn(2, 1, 6, 5)),
            (norm, torch.randn(1, 1, 1, 1)),  # the variance of one value is undefined
            (SingleValueBatchNorm2d(1, track_running_stats=False), torch.randn(2, 1, 6, 5)),
            (make_norm(1, torch.bfloat16), torch.randn(2, 1, 6, 5).bfloat16()),
        ):
            assert grad_fn_name(other_norm(x)) == "NativeBatchNormBackward0"
        with pytest.raises(RuntimeError):
            norm(torch.randn(2, 3, 6, 5))
