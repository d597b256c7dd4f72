"""2x2 max pooling by native kernels: same values and gradients as PyTorch's, bit for bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal import kernels
from foveal.kernels.max_pool import MaxPool2x2Function
from foveal.models.fused_layers import MaxPool2x2
from kernels.comparison import CHANNELS_LAST, grad_fn_name, requires_native_kernels

pytestmark = requires_native_kernels
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def compute_pool(pool: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return output and gradient of the input; the output gradients of neighboring windows differ."""
    leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = pool(leaf)
    g = torch.arange(1.0, out.numel() + 1).view(out.shape).remainder(251).to(x.dtype)
    return out.detach(), torch.autograd.grad(out, leaf, g)[0]


def assert_equals_pytorch(x: Tensor) -> None:
    with kernels.use("native"):
        actual = compute_pool(MaxPool2x2(), x)
        out = MaxPool2x2()(x.requires_grad_())
    assert grad_fn_name(out) == "MaxPool2x2FunctionBackward"
    expected = compute_pool(nn.MaxPool2d(2), x.detach())
    for value, expected_value in zip(actual, expected, strict=True):
        torch.testing.assert_close(value, expected_value, rtol=0, atol=0, equal_nan=True)
        assert value.is_contiguous(memory_format=CHANNELS_LAST)


@given(
    st.sampled_from(DTYPES), st.integers(1, 9), st.integers(1, 70), st.integers(2, 9), st.integers(2, 9),
    st.booleans(), st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_equals_pytorch_bit_for_bit(
    dtype: torch.dtype, n: int, c: int, h: int, w: int, ties: bool, seed: int
) -> None:
    x = torch.randn((n, c, h, w), generator=torch.Generator().manual_seed(seed))
    x = (x.round() if ties else x).to(dtype)
    assert_equals_pytorch(x.contiguous(memory_format=CHANNELS_LAST))


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_is_the_maximum_and_subnormal_numbers_are_kept(dtype: torch.dtype) -> None:
    x = torch.randn((2, 20, 6, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    x[0, ::3, ::2, 1], x[1, ::4], x[0, 1, 2] = torch.nan, -torch.inf, torch.inf
    x[1, 1::4] = torch.tensor(1e-39).to(dtype)  # below the smallest normal number
    assert_equals_pytorch(x.contiguous(memory_format=CHANNELS_LAST))


def test_gradients_equal_finite_differences() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64).contiguous(memory_format=CHANNELS_LAST)
    assert torch.autograd.gradcheck(MaxPool2x2Function.apply, (x.requires_grad_(),))


def test_unsupported_maps_use_plain_operations() -> None:
    for x in (torch.randn(2, 3, 6, 5), torch.randn(3, 6, 4), torch.randn(2, 3, 1, 4)[:, :, :0]):
        x.requires_grad_()
        if x.numel():
            assert "MaxPool2D" in grad_fn_name(MaxPool2x2()(x))
        else:
            with pytest.raises(RuntimeError):
                MaxPool2x2()(x)
    with kernels.use("plain"):
        x = torch.randn(2, 3, 6, 5).contiguous(memory_format=CHANNELS_LAST).requires_grad_()
        assert "MaxPool2D" in grad_fn_name(MaxPool2x2()(x))
